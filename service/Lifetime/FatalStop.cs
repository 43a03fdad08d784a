namespace Gemma2.Service.Lifetime;

/// <summary>
/// Ends the process when it cannot serve any more, with an exit code that is not 0: the Functions host (as every supervisor) starts a process again
/// that failed, but leaves one dead that ended well.
/// </summary>
internal sealed class FatalStop(IHostApplicationLifetime lifetime, ILogger<FatalStop> log)
{
    private const int FailureExitCode = 1;

    private int _exitCode;

    /// <summary>What the process ends with: 0 unless <see cref="Stop"/> was called.</summary>
    public int ExitCode => Volatile.Read(ref _exitCode);

    /// <summary>Logs the reason and begins to stop; only the first call does.</summary>
    public void Stop(string reason)
    {
        if (Interlocked.Exchange(ref _exitCode, FailureExitCode) != 0)
            return;
        log.LogCritical("Stopping: {Reason}", reason);
        // At once, or as soon as the app has started: in between, stopping would look like a crash.
        lifetime.ApplicationStarted.Register(lifetime.StopApplication);
    }
}
