using System.Diagnostics;
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
