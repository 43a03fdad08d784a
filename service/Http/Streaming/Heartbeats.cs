using System.Runtime.CompilerServices;

namespace Gemma2.Service.Http.Streaming;

/// <summary>Keeps a connection awake while a sequence has nothing to say.</summary>
internal static class Heartbeats
{
    /// <summary>Waits for a task; <paramref name="beat"/> is called after silence as in a sequence.</summary>
    public static async Task WithHeartbeatsAsync(this Task task, StreamOptions options, Func<Task> beat, CancellationToken cancellationToken)
    {
        using var silence = new Silence(options, cancellationToken);
        while (await silence.LastsBeforeAsync(task))
            await beat();
        await task;
    }

    /// <summary>
    /// The same items; <paramref name="beat"/> is called after silence as long as <see cref="StreamOptions.FirstHeartbeat"/> the first time, and as
    /// <see cref="StreamOptions.HeartbeatInterval"/> from then on. One timer serves the whole sequence.
    /// </summary>
    public static async IAsyncEnumerable<T> WithHeartbeats<T>(
        this IAsyncEnumerable<T> source, StreamOptions options, Func<Task> beat, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var abandoned = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var silence = new Silence(options, abandoned.Token);
        IAsyncEnumerator<T> items = source.GetAsyncEnumerator(abandoned.Token);
        Task<bool> next = Task.FromResult(false);
        try
        {
            while (true)
            {
                next = items.MoveNextAsync().AsTask();
                while (await silence.LastsBeforeAsync(next))
                    await beat();
                if (!await next)
                    yield break;
                yield return items.Current;
                silence.Begin();
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

    /// <summary>Measures how long nothing has been said.</summary>
    private sealed class Silence : IDisposable
    {
        private readonly StreamOptions _options;
        private readonly CancellationToken _end;
        private readonly PeriodicTimer _timer;
        private TimeSpan _allowed;
        private Task<bool> _tick;
        private long _began;

        public Silence(StreamOptions options, CancellationToken end)
        {
            (_options, _end, _allowed) = (options, end, options.FirstHeartbeat);
            _began = options.Time.GetTimestamp();
            _timer = new PeriodicTimer(_allowed, options.Time);
            _tick = _timer.WaitForNextTickAsync(end).AsTask();
        }

        /// <summary>Something has been said.</summary>
        public void Begin()
        {
            _began = _options.Time.GetTimestamp();
            // Also begins the timer's period anew.
            _timer.Period = _allowed;
        }

        /// <summary>True when it has lasted as long as is allowed and <paramref name="next"/> is not there yet; false when that is there.</summary>
        /// <exception cref="OperationCanceledException">It is to end.</exception>
        public async Task<bool> LastsBeforeAsync(Task next)
        {
            while (!next.IsCompleted && await Task.WhenAny(next, _tick) != next)
            {
                // One that ended by cancellation is no tick; going on would spin, as writing to a client that has gone does nothing.
                await _tick;
                _tick = _timer.WaitForNextTickAsync(_end).AsTask();
                // The tick may be that of a period that began before something was said.
                if (_options.Time.GetElapsedTime(_began) < _allowed)
                    continue;
                _allowed = _options.HeartbeatInterval;
                Begin();
                return true;
            }
            return false;
        }

        public void Dispose() => _timer.Dispose();
    }
}
