using Gemma2.Testing;

namespace Gemma2.Chaos.Tests.Processes;

/// <summary>A place where a process of the app runs, as a container platform has them: when one ends, the next is started.</summary>
internal sealed class Replica : IAsyncDisposable
{
    // A container platform waits 30 s; a machine with too much to do may be several times slower than that expects.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(120);

    private readonly bool _isHosted;
    private readonly IReadOnlyDictionary<string, string> _environment;
    private readonly TextWriter _log;
    private readonly List<string> _failures = [];
    private readonly Task _supervision;
    private volatile AppProcess _process;
    private volatile bool _stopping;

    private Replica(string logFile, bool isHosted, IReadOnlyDictionary<string, string> environment)
    {
        (_isHosted, _environment) = (isHosted, environment);
        _log = TextWriter.Synchronized(new StreamWriter(logFile, append: true) { AutoFlush = true });
        _process = AppProcess.Start(_isHosted, _environment, _log);
        _supervision = SuperviseAsync();
    }

    /// <summary>Where it answers over HTTP, while its model is loaded and it was not asked to end; null else.</summary>
    public Uri? Address => _process is { EndedBy: null, Address: { } address } ? address : null;

    /// <summary>What went wrong by itself.</summary>
    public IReadOnlyList<string> Failures
    {
        get
        {
            lock (_failures) return [.. _failures];
        }
    }

    /// <summary>How often it gave up starting because storage was away for longer than it tries: what a supervisor is for.</summary>
    public int StartsGivenUp { get; private set; }

    /// <summary>How often a host stopped because its worker had ended too often.</summary>
    public int HostsGivenUp { get; private set; }

    /// <summary>Starts the app.</summary>
    /// <param name="logFile">Takes what it writes.</param>
    /// <param name="isHosted">Whether a Functions host is to run it.</param>
    /// <param name="environment">Its settings.</param>
    public static Replica Start(string logFile, bool isHosted, IReadOnlyDictionary<string, string> environment) => new(logFile, isHosted, environment);

    /// <summary>Waits until it has loaded its model.</summary>
    public async Task<Uri> WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        while (Address is null) await Task.Delay(20, cancellationToken);
        return Address;
    }

    /// <summary>Ends its process at once, without its knowing; the next one is started. Under a Functions host that is the host's process.</summary>
    public void Kill() => _process.End(Signal.Kill);

    /// <summary>Ends the worker of its Functions host at once; the host starts the next one.</summary>
    public void KillWorker() => _process.KillWorker();

    /// <summary>Ends its Functions host and the worker at once.</summary>
    public void KillBoth()
    {
        _process.KillWorker();
        _process.End(Signal.Kill);
    }

    /// <summary>Asks its process to end; the next one is started.</summary>
    public Task TermAsync(CancellationToken cancellationToken) => TermAsync(_process, cancellationToken);

    /// <summary>Takes its process off the processor for a time.</summary>
    public Task PauseAsync(TimeSpan time, CancellationToken cancellationToken) => _process.PauseAsync(time, cancellationToken);

    /// <summary>Asks it to end for good.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await WaitUntilReadyAsync(cancellationToken);
        _stopping = true;
        await TermAsync(cancellationToken);
        await _supervision;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _stopping = true;
        Kill();
        await _supervision;
        await _log.DisposeAsync();
    }

    private async Task TermAsync(AppProcess process, CancellationToken cancellationToken)
    {
        process.End(Signal.Term);
        try
        {
            await process.Ended.WaitAsync(Grace, cancellationToken);
        }
        catch (TimeoutException)
        {
            Fail(process, $"did not end within {Grace.TotalSeconds} s of being asked to");
            process.End(Signal.Kill);
        }
    }

    private async Task SuperviseAsync()
    {
        while (true)
        {
            using AppProcess process = _process;
            Judge(process, await process.Ended);
            if (_stopping) return;
            _process = AppProcess.Start(_isHosted, _environment, _log);
        }
    }

    private void Judge(AppProcess process, int exitCode)
    {
        foreach (string exception in process.Exceptions) Fail(process, $"logged an unexpected exception: {exception}");
        foreach ((int code, bool hasNotLoaded, string lastLine) in process.WorkersEnded)
        {
            if (code == 1 && hasNotLoaded) StartsGivenUp++;
            else Fail(process, $"had a worker that ended by itself with exit code {code}; its last line: {lastLine}");
        }
        if (process.HasGivenUp) HostsGivenUp++;
        else if (exitCode == 1 && process.HasNotLoaded) StartsGivenUp++;
        else if (process.EndedBy == Signal.Term && exitCode != 0) Fail(process, $"ended with exit code {exitCode} when it was asked to end");
        else if (process.EndedBy is null) Fail(process, $"ended by itself with exit code {exitCode}; its last line: {process.LastLine}");
    }

    private void Fail(AppProcess process, string what)
    {
        lock (_failures) _failures.Add($"Process {process.Id} {what}");
    }
}
