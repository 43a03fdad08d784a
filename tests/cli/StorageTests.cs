using System.Security.Cryptography;
using System.Text.Json;
using Azure.Storage.Blobs;
using Gemma2.Golden;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests;

/// <summary>Commands that talk to storage, against a real Azurite.</summary>
public sealed class StorageTests(AzuriteFixture azurite)
{
    private readonly string _connection = azurite.NewConnectionString();

    [Fact]
    public async Task Push_ThenPull_GivesTheSameFiles()
    {
        string original = GoldenModels.Open("c-mha-sharded").Folder;
        using var copy = new TemporaryFolder();
        using JsonDocument pushed = JsonDocument.Parse((await RunAsync("push", original, "sharded", "--json")).Succeeded());
        Assert.Equal(5, pushed.RootElement.GetProperty("files_uploaded").GetInt32());
        using JsonDocument pulled = JsonDocument.Parse((await RunAsync("pull", "sharded", copy.Path, "--json")).Succeeded());
        Assert.Equal(5, pulled.RootElement.GetProperty("files").GetInt32());
        Assert.Equal(5, copy.Files.Count);
        foreach (string file in copy.Files)
            Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(original, file), Cancellation), await File.ReadAllBytesAsync(copy.File(file), Cancellation));
    }

    [Fact]
    public async Task Push_Adapter_IsAddedFromStorage()
    {
        using TemporaryFolder folder = new(), copy = new();
        string adapter = LoraFolder.Write(folder.File("adapter"), seed: 1);
        await File.WriteAllTextAsync(Path.Combine(adapter, "README.md"), "about it", Cancellation);
        // Some tools leave the configuration of the model beside the adapter.
        await File.WriteAllTextAsync(Path.Combine(adapter, "config.json"), "{}", Cancellation);
        (await RunAsync("push", adapter, "assistant")).Succeeded();
        (await RunAsync("pull", "assistant", copy.Path)).Succeeded();
        Assert.Equal(["adapter_config.json", "adapter_model.safetensors"], copy.Files);
        string nano = Path.Combine(Gemma2Program.Repository, "samples", "nano");
        Assert.Contains("assistant * 0.5: rank 4", (await RunAsync("inspect", nano, "--lora", "blob:assistant:0.5")).Succeeded());
        (await RunAsync("inspect", "blob:assistant")).Failed(1, "assistant: is a LoRA adapter and no model");
        File.Delete(Path.Combine(adapter, "adapter_model.safetensors"));
        (await RunAsync("push", adapter, "assistant")).Failed(1, "has an adapter_config.json but no adapter_model.safetensors");
    }

    [Theory]
    [InlineData("sharded")]
    [InlineData("blob:sharded")]
    public async Task Pull_Again_FetchesOnlyWhatIsNotThere(string name)
    {
        using var copy = new TemporaryFolder();
        (await RunAsync("push", GoldenModels.Open("c-mha-sharded").Folder, "sharded")).Succeeded();
        (await RunAsync("pull", name, copy.Path)).Succeeded();
        long length = new FileInfo(copy.File("config.json")).Length;
        File.Delete(copy.File("config.json"));

        using JsonDocument pulled = JsonDocument.Parse((await RunAsync("pull", name, copy.Path, "--json")).Succeeded());

        Assert.Equal("sharded", pulled.RootElement.GetProperty("model").GetString());
        Assert.Equal(4, pulled.RootElement.GetProperty("files_skipped").GetInt32());
        Assert.Equal(length, pulled.RootElement.GetProperty("bytes_fetched").GetInt64());
    }

    [Fact]
    public async Task Pull_PartOfAFileIsThere_FetchesTheRest()
    {
        using TemporaryFolder model = new(), copy = new();
        byte[] weights = RandomNumberGenerator.GetBytes(20_000_000);
        model.Write("config.json", "{}");
        await File.WriteAllBytesAsync(model.File("model.safetensors"), weights, Cancellation);
        (await RunAsync("push", model.Path, "made")).Succeeded();
        string partial = copy.File($"model.safetensors.{Convert.ToHexStringLower(SHA256.HashData(weights))[..12]}.partial");
        await File.WriteAllBytesAsync(partial, weights[..9_000_000], Cancellation);

        using JsonDocument pulled = JsonDocument.Parse((await RunAsync("pull", "made", copy.Path, "--json")).Succeeded());

        // Storage is read by whole blocks of 8 MiB.
        Assert.Equal(20_000_002 - (8 << 20), pulled.RootElement.GetProperty("bytes_fetched").GetInt64());
        Assert.Equal(weights, await File.ReadAllBytesAsync(copy.File("model.safetensors"), Cancellation));
        Assert.Equal(["config.json", "model.safetensors"], copy.Files);
    }

    [Fact]
    public async Task Push_Again_SendsNothing()
    {
        string folder = GoldenModels.Open("a-base").Folder;
        (await RunAsync("push", folder, "base")).Succeeded();
        using JsonDocument again = JsonDocument.Parse((await RunAsync("push", folder, "base", "--json")).Succeeded());
        Assert.Equal(0, again.RootElement.GetProperty("files_uploaded").GetInt32());
        Assert.Equal(3, again.RootElement.GetProperty("files_skipped").GetInt32());
    }

    [Fact]
    public async Task Inspect_PushedModel_ReadsItFromStorage()
    {
        (await RunAsync("push", GoldenModels.Open("a-base").Folder, "base")).Succeeded();
        using JsonDocument report = JsonDocument.Parse((await RunAsync("inspect", "blob:base", "--json")).Succeeded());
        Assert.Equal("base", report.RootElement.GetProperty("model").GetString());
        Assert.Equal(512, report.RootElement.GetProperty("config").GetProperty("vocabulary_size").GetInt32());
    }

    [Fact]
    public async Task Push_GgufFile_IsAModelInStorage()
    {
        Machine.NeedsDevice();
        using var copy = new TemporaryFolder();
        string file = GoldenGguf.Open("s64/F16").File;
        (await RunAsync("push", file, "tiny")).Succeeded();
        using JsonDocument report = JsonDocument.Parse(
            (await RunAsync("generate", "blob:tiny", "--tokens", "2,300", "--ignore-eos", "--max-tokens", "2", "--json")).Succeeded());
        Assert.Equal("tiny", report.RootElement.GetProperty("model").GetString());
        (await RunAsync("pull", "tiny", copy.Path)).Succeeded();
        Assert.Equal(await File.ReadAllBytesAsync(file, Cancellation), await File.ReadAllBytesAsync(copy.File("model.gguf"), Cancellation));
    }

    [Fact]
    public async Task Inspect_ModelThatIsNotStored_FailsAndNamesIt() => (await RunAsync("inspect", "blob:absent")).Failed(1, "absent");

    [Fact]
    public async Task Pull_DamagedFile_FailsAndLeavesNoHalfFile()
    {
        using var copy = new TemporaryFolder();
        (await RunAsync("push", GoldenModels.Open("a-base").Folder, "base")).Succeeded();
        BlobClient blob = Container("models").GetBlobClient("base/model.safetensors");
        byte[] bytes = (await blob.DownloadContentAsync(Cancellation)).Value.Content.ToArray();
        bytes[^1] ^= 1;
        await blob.UploadAsync(new BinaryData(bytes), overwrite: true, Cancellation);
        (await RunAsync("pull", "base", copy.Path)).Failed(1, "model.safetensors");
        Assert.DoesNotContain(copy.Files, file => file.StartsWith("model", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("push", "no/such/folder", "base", "no/such/folder")]
    [InlineData("push", ".", "../models", "model name")]
    [InlineData("pull", "absent", "out", "absent")]
    [InlineData("inspect", "blob:../secret", null, "model name")]
    public async Task Run_WhatStorageCannotHave_FailsAndNamesIt(string command, string first, string? second, string mention)
    {
        using var folder = new TemporaryFolder();
        string[] arguments = second is null ? [command, first] : [command, first, second == "out" ? folder.File(second) : second];
        (await RunAsync(arguments)).Failed(1, mention);
    }

    [Fact]
    public async Task Push_NoStorageConfigured_FailsAndNamesTheSetting() =>
        (await RunWithAsync(null, "push", GoldenModels.Open("a-base").Folder, "base")).Failed(1, "AzureWebJobsStorage");

    [Fact]
    public async Task Push_BadConnectionString_FailsWithoutShowingIt()
    {
        Outcome outcome = await RunWithAsync("AccountKey=c2VjcmV0", "push", GoldenModels.Open("a-base").Folder, "base");
        outcome.Failed(1, "AzureWebJobsStorage");
        Assert.DoesNotContain("c2VjcmV0", outcome.Error);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private Task<Outcome> RunAsync(params string[] arguments) => RunWithAsync(_connection, arguments);

    private static Task<Outcome> RunWithAsync(string? connection, params string[] arguments) =>
        Gemma2Program.RunAsync(arguments, "", ("AzureWebJobsStorage", connection));

    private BlobContainerClient Container(string name) => new BlobServiceClient(_connection).GetBlobContainerClient(name);
}
