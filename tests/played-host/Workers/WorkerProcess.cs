using System.Diagnostics;
using Gemma2.PlayedHost.App;

namespace Gemma2.PlayedHost.Workers;

/// <summary>The process of a worker, started as a host starts it; what it prints is printed.</summary>
internal sealed class WorkerProcess : IDisposable
{
    private readonly Process _process;

    private WorkerProcess(Process process)
    {
        _process = process;
        Ended = WaitAsync();
    }

    /// <summary>Its number.</summary>
    public int Id => _process.Id;

    /// <summary>Its exit code; 128 and the signal's number where one has ended it.</summary>
    public Task<int> Ended { get; }

    /// <summary>Starts one.</summary>
    public static WorkerProcess Start(AppFolder app, string workerId, Uri rpc)
    {
        string requestId = Guid.NewGuid().ToString();
        string longest = $"{int.MaxValue}";
        // Each argument twice: the names without a prefix are the older ones.
        string[] arguments =
        [
            app.WorkerPath, "--host", rpc.Host, "--port", $"{rpc.Port}", "--workerId", workerId, "--requestId", requestId, "--grpcMaxMessageLength", longest,
            "--functions-uri", rpc.AbsoluteUri, "--functions-worker-id", workerId, "--functions-request-id", requestId, "--functions-grpc-max-message-length", longest,
        ];
        var info = new ProcessStartInfo(app.Executable, arguments) { WorkingDirectory = app.Path, RedirectStandardOutput = true, RedirectStandardError = true };
        info.Environment["FUNCTIONS_WORKER_DIRECTORY"] = info.Environment["FUNCTIONS_APPLICATION_DIRECTORY"] = app.Path;
        return new WorkerProcess(Process.Start(info)!);
    }

    /// <summary>Prints a line that the worker has written or logged.</summary>
    public void Print(string line) => Console.WriteLine($"[{Id}] {line}");

    /// <summary>Ends it at once.</summary>
    public void Kill() => _process.Kill();

    /// <inheritdoc/>
    public void Dispose() => _process.Dispose();

    private async Task<int> WaitAsync()
    {
        await Task.WhenAll(PrintAsync(_process.StandardOutput), PrintAsync(_process.StandardError));
        await _process.WaitForExitAsync();
        return _process.ExitCode;
    }

    private async Task PrintAsync(StreamReader output)
    {
        while (await output.ReadLineAsync() is { } line) Print(line);
    }
}
