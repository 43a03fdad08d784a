using System.Diagnostics;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests;

/// <summary>The service as a process of its own: the nano model, a storage account of its own, its own poller.</summary>
public sealed class Service(AzuriteFixture azurite) : IAsyncDisposable
{
    private static readonly string Configuration = AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";

    private readonly List<string> _log = [];
    private Process? _process;

    /// <summary>Its storage.</summary>
    public string ConnectionString { get; private set; } = "";

    /// <summary>Starts it, unless it runs.</summary>
    public void Start()
    {
        if (_process is not null) return;
        ConnectionString = azurite.NewConnectionString();
        var start = new ProcessStartInfo(Path.Combine(Gemma2Program.Repository, "functions", "bin", Configuration, "net10.0", "Gemma2.Functions"))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["AzureWebJobsStorage"] = ConnectionString;
        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        start.Environment["Gemma2__Model"] = Path.Combine(Gemma2Program.Repository, "samples", "nano");
        start.Environment["Gemma2__AllowSoftwareDevice"] = "true";
        // The tests may run in a container; the service is not to care.
        start.Environment["DOTNET_RUNNING_IN_CONTAINER"] = start.Environment["CONTAINER_APP_NAME"] = "";
        _process = Process.Start(start)!;
        _process.OutputDataReceived += Keep;
        _process.ErrorDataReceived += Keep;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>What it has said, for the message of a test that fails.</summary>
    public string Log()
    {
        lock (_log) return string.Join('\n', _log);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_process is null) return;
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        lock (_log) _log.Add(line.Data ?? "");
    }
}
