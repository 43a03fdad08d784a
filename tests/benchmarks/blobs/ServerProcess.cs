using System.Diagnostics;

namespace Gemma2.Benchmarks.Blobs;

/// <summary>This program's server in a process of its own.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private readonly Process _process;

    private ServerProcess(Process process, string connectionString) => (_process, ConnectionString) = (process, connectionString);

    public string ConnectionString { get; }

    /// <summary>Its processor time until now.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    public static async Task<ServerProcess> StartAsync(string folder, IEnumerable<string> limits)
    {
        var info = new ProcessStartInfo(Environment.ProcessPath!, ["serve", "--model", $"{CompareCommand.ModelName}={folder}", .. limits]) { RedirectStandardOutput = true };
        Process process = Process.Start(info)!;
        return await process.StandardOutput.ReadLineAsync() is { } line ? new ServerProcess(process, line) : throw new InvalidOperationException("The server has ended.");
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
