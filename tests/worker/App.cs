using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using Gemma2.Testing;

namespace Gemma2.Worker.Tests;

/// <summary>The published app with the embedded model, under the played host or by itself.</summary>
internal sealed class App : IAsyncDisposable
{
    /// <summary>The key of its only client.</summary>
    public const string Key = "key-of-ann-0123456789";

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = TimeSpan.FromMinutes(5) };

    private App(RunningProgram program)
    {
        Program = program;
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key);
    }

    /// <summary>The host, or the app where it has none.</summary>
    public RunningProgram Program { get; }

    /// <summary>A client with the key; its address is known as soon as the app listens.</summary>
    public HttpClient Http => _http;

    /// <summary>Starts the app under the played host.</summary>
    /// <param name="folder">The app.</param>
    /// <param name="connectionString">Its storage account.</param>
    /// <param name="settings">More settings, and others than usual.</param>
    /// <param name="options">Options of the played host.</param>
    public static App StartHosted(PublishedFolder folder, string connectionString, Dictionary<string, string>? settings = null, params string[] options) => new(
        RunningProgram.Start(Repository.PlayedHost, Path.GetTempPath(), Settings(connectionString, settings), ["--app", folder.Path, .. options]));

    /// <summary>Starts the same app by itself.</summary>
    public static App StartSelfHosted(PublishedFolder folder, string connectionString) => new(
        RunningProgram.Start(Path.Combine(folder.Path, "Gemma2.Functions"), folder.Path, Settings(connectionString, null), "--urls=http://127.0.0.1:0"));

    /// <summary>Waits until it listens.</summary>
    public async Task WaitUntilListeningAsync() => _http.BaseAddress ??= new Uri(await Program.WaitForLineAsync("Now listening on: (http://\\S+)"));

    /// <summary>Waits until it has loaded its model.</summary>
    /// <param name="workers">How many workers have done that by then.</param>
    public async Task WaitUntilReadyAsync(int workers = 1)
    {
        await WaitUntilListeningAsync();
        await Program.WaitForLineAsync("Model (\\S+) loaded in", workers);
    }

    /// <summary>Waits until the host has started a worker; gives its process' number.</summary>
    /// <param name="count">The which worker, from 1.</param>
    public async Task<int> WaitForWorkerAsync(int count = 1) =>
        int.Parse(await Program.WaitForLineAsync("^Worker process (\\d+) is started", count), CultureInfo.InvariantCulture);

    /// <summary>Waits until the host has seen a worker end; gives its exit code.</summary>
    public async Task<int> WaitForWorkersEndAsync(int process) =>
        int.Parse(await Program.WaitForLineAsync($"^Worker process {process} has ended with exit code (\\d+)"), CultureInfo.InvariantCulture);

    /// <summary>Sends a worker a signal.</summary>
    public static void SendToWorker(int process, Signal signal)
    {
        using var worker = Process.GetProcessById(process);
        worker.Send(signal);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await Program.DisposeAsync();
    }

    private static Dictionary<string, string> Settings(string connectionString, Dictionary<string, string>? more)
    {
        var settings = new Dictionary<string, string>
        {
            ["AzureWebJobsStorage"] = connectionString,
            ["FUNCTIONS_WORKER_RUNTIME"] = "dotnet-isolated",
            ["Gemma2__Model"] = Repository.Nano,
            ["Gemma2__AllowSoftwareDevice"] = "true",
            ["Gemma2__ApiKeys"] = $"ann={Key}",
            ["Gemma2__MaxSequences"] = "1",
            ["Gemma2__QueueLeaseSeconds"] = "5",
        };
        foreach ((string name, string value) in more ?? []) settings[name] = value;
        return settings;
    }
}
