using Gemma2.PlayedHost.App;

namespace Gemma2.PlayedHost.Workers;

/// <summary>Keeps a worker alive as a host does: one that failed is started again, but not for ever; one that ended with 0 never is.</summary>
internal sealed class WorkerSupervisor(AppFolder app, RpcServer rpc, HostOptions options) : IDisposable
{
    private const int MostFailures = 3;

    private static readonly TimeSpan FailuresAreForgottenAfter = TimeSpan.FromMinutes(30);

    private readonly CancellationTokenSource _stopping = new();
    private Worker? _current;
    private volatile TaskCompletionSource<Worker> _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Gives the worker, once it is ready; while one is started again, the next.</summary>
    public Task<Worker> GetAsync(CancellationToken cancellationToken) => _ready.Task.WaitAsync(cancellationToken);

    /// <summary>Starts workers until it is told to stop or gives up.</summary>
    public async Task RunAsync()
    {
        int failures = 0;
        DateTime lastFailure = DateTime.MinValue;
        DateTime nextRestart = DateTime.MinValue;
        while (await FailsAsync())
        {
            if (DateTime.UtcNow - lastFailure > FailuresAreForgottenAfter) failures = 0;
            lastFailure = DateTime.UtcNow;
            if (++failures == MostFailures)
            {
                Console.WriteLine($"The worker has failed {MostFailures} times: the host stops");
                return;
            }
            await PauseUntilAsync(nextRestart);
            nextRestart = DateTime.UtcNow + options.RestartInterval;
        }
    }

    /// <summary>Starts no more workers, and asks the one that runs to end.</summary>
    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        if (_current is { Ended.IsCompleted: false } worker) await worker.TerminateAsync();
    }

    /// <inheritdoc/>
    public void Dispose() => _stopping.Dispose();

    /// <summary>Runs one worker; true if it failed, as opposed to having ended or been stopped.</summary>
    private async Task<bool> FailsAsync()
    {
        if (_stopping.IsCancellationRequested) return false;
        using Worker worker = _current = Worker.Start(app, rpc);
        Console.WriteLine($"Worker process {worker.ProcessId} is started");
        Task starting = InitializeAsync(worker);
        int exitCode = await worker.Ended;
        if (_stopping.IsCancellationRequested) return false;
        if (exitCode == 0)
        {
            // A host takes this for intended: what waits for the worker waits for ever.
            Console.WriteLine($"Worker process {worker.ProcessId} has ended with exit code 0: no other is started");
            await Task.WhenAny(Task.Delay(Timeout.Infinite, _stopping.Token));
            return false;
        }
        Console.WriteLine($"Worker process {worker.ProcessId} has ended with exit code {exitCode}");
        worker.Fail($"The worker's process has ended with exit code {exitCode}.");
        await starting;
        if (_ready.Task.IsCompleted) _ready = new TaskCompletionSource<Worker>(TaskCreationOptions.RunContinuationsAsynchronously);
        return true;
    }

    private async Task InitializeAsync(Worker worker)
    {
        try
        {
            await worker.InitializeAsync(options.Wrongs);
            Console.WriteLine($"Worker process {worker.ProcessId} is ready, functions: {string.Join(", ", worker.Functions.Select(function => function.Name))}");
            _ready.TrySetResult(worker);
        }
        catch (Exception error) when (error is WorkerException or PlayedHostException)
        {
            if (worker.Ended.IsCompleted) return;
            Console.WriteLine($"Worker process {worker.ProcessId} could not be started. {error.Message}");
            await worker.KillAsync();
        }
    }

    private async Task PauseUntilAsync(DateTime time)
    {
        TimeSpan pause = time - DateTime.UtcNow;
        if (pause <= TimeSpan.Zero) return;
        Console.WriteLine($"The worker is started again in {pause.TotalSeconds:0} s");
        await Task.WhenAny(Task.Delay(pause, _stopping.Token));
    }
}
