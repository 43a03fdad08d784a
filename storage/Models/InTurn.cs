namespace Gemma2.Storage.Models;

/// <summary>
/// Lets work that is done side by side pass one point in order: 0, 1, 2 and so on. Who fails before its turn is over stops all behind it, which then must be cancelled.
/// </summary>
internal sealed class InTurn
{
    private readonly Lock _lock = new();
    private readonly Dictionary<int, TaskCompletionSource> _waiting = [];
    private int _next;

    /// <summary>Ends when it is this one's turn.</summary>
    public Task WaitAsync(int turn, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (turn == _next) return Task.CompletedTask;
            _waiting[turn] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _waiting[turn].Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Ends the turn.</summary>
    public void Pass()
    {
        lock (_lock)
        {
            if (_waiting.Remove(++_next, out TaskCompletionSource? next)) next.SetResult();
        }
    }
}
