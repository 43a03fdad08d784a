using Gemma2.Testing;

namespace Gemma2.Chaos.Tests.Processes;

/// <summary>A place where a process of the app runs, as a container platform has them: when one ends, the next is started.</summary>
internal sealed class Replica : IAsyncDisposable
{
    // A container platform waits 30 s; a machine with too much to do may be several times slower than that expects.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(120);

    private readonly IReadOnlyDictionary<string, string> _environment;
    private readonly TextWriter _log;
    private readonly List<string> _failures = [];
    private readonly Task _supervision;
    private volatile AppProcess _process;
    private volatile bool _stopping;

    private Replica(string logFile, IReadOnlyDictionary<string, string> environment)
    {
        _environment = environment;
        _log = TextWriter.Synchronized(new StreamWriter(logFile, append: true) { AutoFlush = true });
        _process = AppProcess.Start(_environment, _log);
        _supervision = SuperviseAsync();
    }

    /// <summary>Where it answers over HTTP, while its model is loaded and it was not asked to end; null else.</summary>
    public Uri? Address => _process is { EndedBy: null, Ready: { IsCompletedSuccessfully: true } ready } ? ready.Result : null;

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

    /// <summary>Starts the app.</summary>
    /// <param name="logFile">Takes what it writes.</param>
    /// <param name="environment">Its settings.</param>
    public static Replica Start(string logFile, IReadOnlyDictionary<string, string> environment) => new(logFile, environment);

    /// <summary>Waits until it has loaded its model.</summary>
    public async Task<Uri> WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        while (Address is null) await Task.Delay(20, cancellationToken);
        return Address;
    }

    /// <summary>Ends its process at once, without its knowing; the next one is started.</summary>
    public void Kill() => _process.End(Signal.Kill);

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
            _process = AppProcess.Start(_environment, _log);
        }
    }

    private void Judge(AppProcess process, int exitCode)
    {
        foreach (string exception in process.Exceptions) Fail(process, $"logged an unexpected exception: {exception}");
        if (exitCode == 1 && process.LastLine.Contains("The model could not be loaded. ", StringComparison.Ordinal)) StartsGivenUp++;
        else if (process.EndedBy == Signal.Term && exitCode != 0) Fail(process, $"ended with exit code {exitCode} when it was asked to end");
        else if (process.EndedBy is null) Fail(process, $"ended by itself with exit code {exitCode}; its last line: {process.LastLine}");
    }

    private void Fail(AppProcess process, string what)
    {
        lock (_failures) _failures.Add($"Process {process.Id} {what}");
    }
}
