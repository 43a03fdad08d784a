using System.Runtime.CompilerServices;

namespace Gemma2.Service.Http.Streaming;

/// <summary>Keeps a connection awake while a sequence has nothing to say.</summary>
internal static class Heartbeats
{
    /// <summary>The same items; <paramref name="beat"/> is called whenever <paramref name="interval"/> has passed without one.</summary>
    public static async IAsyncEnumerable<T> WithHeartbeats<T>(
        this IAsyncEnumerable<T> source, TimeSpan interval, Func<Task> beat, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var abandoned = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        IAsyncEnumerator<T> items = source.GetAsyncEnumerator(abandoned.Token);
        Task<bool> next = Task.FromResult(false);
        try
        {
            while (true)
            {
                next = items.MoveNextAsync().AsTask();
                while (await Task.WhenAny(next, Task.Delay(interval, abandoned.Token)) != next)
                {
                    // A delay that ended by cancellation is no beat; going on would spin, as writing to a client that has gone does nothing.
                    abandoned.Token.ThrowIfCancellationRequested();
                    await beat();
                }
                if (!await next)
                    yield break;
                yield return items.Current;
            }
        }
        finally
        {
            // A sequence may only be disposed between two items: one that is being made is cancelled and waited for first.
            await abandoned.CancelAsync();
            await next.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            await items.DisposeAsync();
        }
    }
}
