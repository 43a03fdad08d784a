using System.Diagnostics;
using System.Net;

namespace Gemma2.Functions.Tests;

/// <summary>What <c>dotnet publish functions</c> makes: the folder that a Functions host is handed, and processes started from it as the host does.</summary>
public sealed class PublishedApp : IAsyncLifetime
{
    private static readonly string Configuration = AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";

    /// <summary>The published folder.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("gemma2-published-").FullName;

    /// <summary>The executable, as host.json names it.</summary>
    public string Executable => Path.Combine(Folder, "Gemma2.Functions");

    public async ValueTask InitializeAsync()
    {
        using Process publish = Start(
            "dotnet", Repository.Root, new() { ["MSBUILDDISABLENODEREUSE"] = "1" }, "publish", "functions", "--no-build", "-c", Configuration, "-o", Folder, "-v", "quiet");
        (string output, string error) = await ReadAsync(publish);
        Assert.True(publish.ExitCode == 0, output + error);
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(Folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    /// <summary>Starts the app as a process of its own, in its folder.</summary>
    internal Process Start(Dictionary<string, string> environment) => Start(Executable, Folder, environment);

    /// <summary>Waits until a process listens: any answer will do, as for the Functions host.</summary>
    internal static async Task WaitForAnswerAsync(HttpClient client, Process process)
    {
        while (!process.HasExited)
        {
            try
            {
                using HttpResponseMessage response = await client.GetAsync("/", TestContext.Current.CancellationToken);
                return;
            }
            catch (HttpRequestException)
            {
                await Task.Delay(25, TestContext.Current.CancellationToken);
            }
        }
        Assert.Fail($"The app ended with exit code {process.ExitCode}.");
    }

    /// <summary>Waits until the app is healthy.</summary>
    internal static async Task WaitForModelAsync(HttpClient client, Process process)
    {
        await WaitForAnswerAsync(client, process);
        while (!process.HasExited)
        {
            using HttpResponseMessage response = await client.GetAsync("/healthz", TestContext.Current.CancellationToken);
            if (response.StatusCode == HttpStatusCode.OK)
                return;
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
        Assert.Fail($"The app ended with exit code {process.ExitCode}.");
    }

    /// <summary>Reads all that a process writes until it ends.</summary>
    internal static async Task<(string Output, string Error)> ReadAsync(Process process)
    {
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        string error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (await output, error);
    }

    internal static Process Start(string file, string folder, Dictionary<string, string> environment, params string[] arguments)
    {
        var info = new ProcessStartInfo(file, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        // The tests may run in a container; the app is not to care.
        info.Environment["DOTNET_RUNNING_IN_CONTAINER"] = info.Environment["CONTAINER_APP_NAME"] = "";
        foreach ((string name, string value) in environment)
            info.Environment[name] = value;
        return Process.Start(info)!;
    }
}
