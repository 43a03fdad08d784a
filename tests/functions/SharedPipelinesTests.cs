using System.Collections.Concurrent;
using System.Diagnostics;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Gemma2.Backend.Pipelines;
using Gemma2.Service.Model;
using Gemma2.Service.Options;
using Gemma2.Storage;
using Gemma2.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gemma2.Functions.Tests;

/// <summary>The published app on two machines, as far as their disks are: what one compiled, the other starts with.</summary>
public sealed class SharedPipelinesTests(PublishedApp published, AzuriteFixture azurite)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Start_AfterAnotherReplica_FetchesWhatItCompiled()
    {
        Machine.NeedsDevice();
        string connectionString = azurite.NewConnectionString();
        BlobContainerClient models = new BlobServiceClient(connectionString).GetBlobContainerClient("models");

        string first = await RunAsync(connectionString, async () => await WaitForArchiveAsync(models));
        BlobItem archive = Assert.Single(await ArchivesAsync(models));
        string second = await RunAsync(connectionString, () => Task.CompletedTask);

        Assert.Contains("are compiled here", first, StringComparison.Ordinal);
        Assert.Contains($"{archive.Name["_pipelines/".Length..]} were fetched", second, StringComparison.Ordinal);
        Assert.Equal(archive.Properties.ETag, Assert.Single(await ArchivesAsync(models)).Properties.ETag);
    }

    [Theory, InlineData(true), InlineData(false)]
    public void AddTo_Setting_DecidesWhetherStorageIsAsked(bool isShared)
    {
        var options = new Gemma2Options { Model = "nano", SharePipelines = isShared };
        StorageConnection storage = StorageConnection.FromSettings(key => key == "Storage" ? azurite.NewConnectionString() : null, "Storage");

        PipelineOptions pipelines = new SharedPipelines(options, NullLogger<SharedPipelines>.Instance, storage).AddTo(options.ToEngineOptions()).Pipelines;

        Assert.True(pipelines.CompileAll);
        Assert.Equal(isShared, pipelines.Store is not null);
    }

    [Fact]
    public void AddTo_CacheFolder_HasThePipelinesToo()
    {
        var options = new Gemma2Options { Model = "nano", CacheFolder = "/cache" };

        PipelineOptions pipelines = new SharedPipelines(options, NullLogger<SharedPipelines>.Instance).AddTo(options.ToEngineOptions()).Pipelines;

        Assert.Equal("/cache/pipelines", pipelines.Folder);
    }

    private static async Task WaitForArchiveAsync(BlobContainerClient models)
    {
        while ((await ArchivesAsync(models)).Count == 0)
            await Task.Delay(100, Cancellation);
    }

    private static async Task<List<BlobItem>> ArchivesAsync(BlobContainerClient models) =>
        await models.GetBlobsAsync(BlobTraits.None, BlobStates.None, "_pipelines/", Cancellation).ToListAsync(Cancellation);

    /// <summary>Starts the app with empty folders, lets it do something when it is ready, stops it, and gives its log.</summary>
    private async Task<string> RunAsync(string connectionString, Func<Task> whenReady)
    {
        string disk = Directory.CreateTempSubdirectory("gemma2-tests-").FullName;
        int port = TestApp.FreePort();
        var settings = new Dictionary<string, string>
        {
            ["Gemma2__Model"] = Path.Combine(Repository.Root, "samples/nano"),
            ["Gemma2__AllowSoftwareDevice"] = "true",
            ["AzureWebJobsStorage"] = connectionString,
            ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{port}",
            ["XDG_CACHE_HOME"] = disk,
            ["MESA_SHADER_CACHE_DIR"] = "",
        };
        using Process process = published.Start(settings);
        try
        {
            var log = new ConcurrentQueue<string?>();
            process.OutputDataReceived += (_, line) => log.Enqueue(line.Data);
            process.BeginOutputReadLine();
            using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
            await PublishedApp.WaitForModelAsync(client, process);
            await whenReady();
            Process.Start("kill", ["-TERM", $"{process.Id}"]).Dispose();
            await process.WaitForExitAsync(Cancellation);
            return string.Join('\n', log);
        }
        finally
        {
            process.Kill();
            Directory.Delete(disk, recursive: true);
        }
    }
}
