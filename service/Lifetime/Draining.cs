namespace Gemma2.Service.Lifetime;

/// <summary>
/// How requests end when the app is told to stop: new work is refused, what runs may finish, and what has not when its time is over is ended with an answer.
/// </summary>
internal sealed class Draining : IDisposable
{
    private readonly IHostApplicationLifetime _lifetime;
    private readonly CancellationTokenSource _timeIsOver = new();
    private readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _inHand;

    public Draining(IHostApplicationLifetime lifetime)
    {
        _lifetime = lifetime;
        lifetime.ApplicationStopping.Register(CompleteIfEmpty);
    }

    /// <summary>Whether the app has been told to stop.</summary>
    public bool IsStopping => _lifetime.ApplicationStopping.IsCancellationRequested;

    /// <summary>Requests in hand are to end now, with an answer that says why.</summary>
    public CancellationToken TimeIsOver => _timeIsOver.Token;

    /// <summary>A request is in hand until what this gives is disposed.</summary>
    public IDisposable Enter()
    {
        Interlocked.Increment(ref _inHand);
        return new Stay(this);
    }

    /// <summary>Waits until no request is in hand; those that take longer than they may are told to end.</summary>
    /// <param name="time">How long they may take by themselves.</param>
    /// <param name="cancellationToken">Waits no longer.</param>
    public async Task RunAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        if (await HasEndedAsync(time, cancellationToken))
            return;
        await _timeIsOver.CancelAsync();
        await HasEndedAsync(Timeout.InfiniteTimeSpan, cancellationToken);
    }

    /// <inheritdoc />
    public void Dispose() => _timeIsOver.Dispose();

    private async Task<bool> HasEndedAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        await _empty.Task.WaitAsync(time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return _empty.Task.IsCompleted;
    }

    private void Leave()
    {
        Interlocked.Decrement(ref _inHand);
        CompleteIfEmpty();
    }

    private void CompleteIfEmpty()
    {
        if (IsStopping && Volatile.Read(ref _inHand) == 0)
            _empty.TrySetResult();
    }

    private sealed class Stay(Draining draining) : IDisposable
    {
        public void Dispose() => draining.Leave();
    }
}
