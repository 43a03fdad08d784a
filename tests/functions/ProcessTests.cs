using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests;

/// <summary>How the process begins and ends.</summary>
public sealed class ProcessTests(PublishedApp published)
{
    [Theory]
    [InlineData("Gemma2__MaxSequences is 'many'; allowed: integers from 1 to 256.", "Gemma2__MaxSequences", "many")]
    [InlineData("Unknown setting Gemma2__Modell", "Gemma2__Modell", "nano")]
    [InlineData("AzureWebJobsStorage is not a usable storage connection string", "AzureWebJobsStorage", "nonsense")]
    public async Task Start_WrongSetting_EndsWithOneLineAndAnExitCode(string expected, string name, string value)
    {
        using Process process = published.Start(new() { ["Gemma2__Model"] = "nano", [name] = value });

        (_, string error) = await PublishedApp.ReadAsync(process);

        Assert.NotEqual(0, process.ExitCode);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Start_PortInUse_EndsWithOneLineAndAnExitCode()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        string url = $"http://{taken.LocalEndpoint}";
        using Process process = published.Start(new() { ["Gemma2__Model"] = "./no-such-model", ["ASPNETCORE_URLS"] = url });

        (_, string error) = await PublishedApp.ReadAsync(process);

        Assert.NotEqual(0, process.ExitCode);
        Assert.Contains(url, error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
    }

    [Theory]
    [InlineData("AzureWebJobsStorage")]
    [InlineData("AzureWebJobsStorage__accountName")]
    public async Task Start_EmptyStorageAndAFolder_ServesTheFolderWithoutStorage(string setting)
    {
        Machine.NeedsDevice();
        int port = TestApp.FreePort();
        using Process process = published.Start(new()
        {
            ["Gemma2__Model"] = Path.Combine(Repository.Root, "samples/nano"),
            ["Gemma2__AllowSoftwareDevice"] = "true",
            ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{port}",
            [setting] = "",
        });
        try
        {
            using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
            await PublishedApp.WaitForModelAsync(client, process);

            using HttpResponseMessage jobs = await client.GetAsync("/v1/batches", TestContext.Current.CancellationToken);

            Assert.Equal(HttpStatusCode.NotImplemented, jobs.StatusCode);
        }
        finally
        {
            process.Kill();
        }
    }

    [Fact]
    public async Task Term_StreamInHand_RefusesNewWorkAndEndsWhenItEnds()
    {
        Machine.NeedsDevice();
        int port = TestApp.FreePort();
        using Process process = published.Start(new()
        {
            ["Gemma2__Model"] = Path.Combine(Repository.Root, "samples/nano"),
            ["Gemma2__AllowSoftwareDevice"] = "true",
            ["Gemma2__MaxSequences"] = "1",
            ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{port}",
        });
        try
        {
            using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
            await PublishedApp.WaitForModelAsync(client, process);
            // The model repeats itself: seconds at least, if nobody leaves.
            using HttpResponseMessage stream = await SendAsync(client, """{"model":"nano","prompt":"the the the the","temperature":0,"max_tokens":8000,"stream":true}""");

            using (Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]))
                while ((await client.GetAsync("/healthz", TestContext.Current.CancellationToken)).StatusCode == HttpStatusCode.OK)
                    await Task.Delay(10, TestContext.Current.CancellationToken);
            using HttpResponseMessage refused = await SendAsync(client, """{"model":"nano","prompt":"Hi"}""");

            await ErrorShape.AssertAsync(refused, 503, null, "stopping");
            Assert.False(process.HasExited);
            stream.Dispose();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(0, process.ExitCode);
        }
        finally
        {
            process.Kill();
        }
    }

    private static Task<HttpResponseMessage> SendAsync(HttpClient client, string json) => client.SendAsync(
        new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = new StringContent(json, null, "application/json") },
        HttpCompletionOption.ResponseHeadersRead,
        TestContext.Current.CancellationToken);

    [Theory]
    [InlineData("nonsense", "--functions-uri is 'nonsense'; allowed: the http address of the Functions host")]
    [InlineData("", "--functions-uri is ''; allowed")]
    public async Task Start_HostThatIsNoAddress_EndsWithOneLineAndAnExitCode(string uri, string expected) =>
        await StartAsWorkerAsync(published.Folder, expected, "--functions-uri", uri);

    [Fact]
    public async Task Start_HostWithoutAWorkersId_EndsWithOneLineAndAnExitCode() =>
        await StartAsWorkerAsync(published.Folder, "but --functions-worker-id is not.", "--functions-uri", "http://127.0.0.1:1/");

    [Fact]
    public async Task Start_HostThatIsGone_EndsWithOneLineAndAnExitCode() => await StartAsWorkerAsync(
        published.Folder, "The Functions host that started this worker does not answer",
        "--functions-uri", $"http://127.0.0.1:{TestApp.FreePort()}/", "--functions-worker-id", "1", "--functions-request-id", "1");

    [Theory]
    [InlineData("""[{"name":"Http","entryPoint":"Gemma2.Functions.Hosts.Worker.HttpFunction.AnswerAsync"}]""", "it names Gemma2.Functions.Hosts.Worker.HttpFunction.AnswerAsync")]
    [InlineData("""[{"name":"Http","entryPoint":"Other.App.Run"}]""", "it names Other.App.Run")]
    [InlineData("[{}]", "is no list of functions")]
    [InlineData("{", "is no list of functions")]
    [InlineData(null, "is missing")]
    public async Task Start_MetadataOfAnotherBuild_EndsWithOneLineAndAnExitCode(string? metadata, string expected)
    {
        DirectoryInfo copy = Directory.CreateTempSubdirectory("gemma2-metadata-");
        foreach (string file in Directory.GetFiles(published.Folder))
            File.CreateSymbolicLink(Path.Combine(copy.FullName, Path.GetFileName(file)), file);
        // The folder that counts is the executable's own.
        File.Delete(Path.Combine(copy.FullName, "Gemma2.Functions.dll"));
        File.Copy(Path.Combine(published.Folder, "Gemma2.Functions.dll"), Path.Combine(copy.FullName, "Gemma2.Functions.dll"));
        File.Delete(Path.Combine(copy.FullName, "functions.metadata"));
        if (metadata is not null)
            await File.WriteAllTextAsync(Path.Combine(copy.FullName, "functions.metadata"), metadata, TestContext.Current.CancellationToken);

        await StartAsWorkerAsync(copy.FullName, expected, "--functions-uri", "http://127.0.0.1:1/", "--functions-worker-id", "1", "--functions-request-id", "1");

        copy.Delete(recursive: true);
    }

    private static async Task StartAsWorkerAsync(string folder, string expected, params string[] arguments)
    {
        using Process process = PublishedApp.Start("dotnet", folder, new() { ["Gemma2__Model"] = "nano", ["AzureWebJobsStorage"] = "UseDevelopmentStorage=true" }, ["Gemma2.Functions.dll", .. arguments]);

        (_, string error) = await PublishedApp.ReadAsync(process);

        Assert.NotEqual(0, process.ExitCode);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Start_ModelThatIsNotThere_EndsWithAnExitCodeThatTheHostRestarts()
    {
        using Process process = published.Start(new() { ["Gemma2__Model"] = "./no-such-model", ["ASPNETCORE_URLS"] = "http://127.0.0.1:0" });

        (string output, _) = await PublishedApp.ReadAsync(process);

        Assert.NotEqual(0, process.ExitCode);
        Assert.Contains("no-such-model", output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_ModelWithoutATokenizer_EndsWithAnExitCode()
    {
        Machine.NeedsDevice();
        using Process process = published.Start(new()
        {
            ["Gemma2__Model"] = Path.Combine(Repository.Root, "tests/golden/models/a-base"),
            ["Gemma2__AllowSoftwareDevice"] = "true",
            ["ASPNETCORE_URLS"] = "http://127.0.0.1:0",
        });

        (string output, _) = await PublishedApp.ReadAsync(process);

        Assert.NotEqual(0, process.ExitCode);
        Assert.Contains("has no tokenizer.model, nor a vocabulary in a GGUF file", output, StringComparison.Ordinal);
    }
}
