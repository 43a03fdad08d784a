namespace Gemma2.Storage.Models.Ranges;

/// <summary>Lets so many ranges be in flight as the limit of the moment says; who waits goes in turn.</summary>
/// <param name="limit">How many may be.</param>
internal sealed class LinkGate(Func<int> limit)
{
    private readonly Lock _lock = new();
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private int _inside;

    /// <summary>How many more could be in flight than there are, and than wait to be.</summary>
    public int Free
    {
        get
        {
            lock (_lock) return Math.Max(0, limit() - _inside - _waiting.Count);
        }
    }

    /// <summary>Whether somebody waits.</summary>
    public bool IsFull
    {
        get
        {
            lock (_lock) return _waiting.Count > 0;
        }
    }

    /// <summary>Waits for a place. Each that was had must be left.</summary>
    public async Task EnterAsync(CancellationToken cancellationToken)
    {
        TaskCompletionSource turn;
        lock (_lock)
        {
            if (_waiting.Count == 0 && _inside < limit())
            {
                _inside++;
                return;
            }
            _waiting.Enqueue(turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        await using CancellationTokenRegistration _ = cancellationToken.Register(() => turn.TrySetCanceled(cancellationToken));
        await turn.Task;
    }

    /// <summary>Gives a place back.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            _inside--;
            while (_inside < limit() && _waiting.TryDequeue(out TaskCompletionSource? next))
            {
                if (next.TrySetResult()) _inside++;
            }
        }
    }
}
