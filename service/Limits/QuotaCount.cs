namespace Gemma2.Service.Limits;

/// <summary>
/// How much of something a key has, of which it may have so much. Storage is counted now and then; what comes through this process in between is added, so that here nothing gets past
/// the limit. What other processes let in meanwhile shows with the next count.
/// </summary>
/// <param name="limit">The most that it may have.</param>
/// <param name="count">Counts what is in storage.</param>
/// <param name="time">Says how old a count is.</param>
internal sealed class QuotaCount(long limit, Func<CancellationToken, Task<long>> count, TimeProvider time)
{
    /// <summary>How long a count is good for, and how long where it says that there is no room, which its owner may have changed.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(10), FreshRefusal = TimeSpan.FromSeconds(1);

    /// <summary>Counting takes no more than so large a part of the time: a key may have very many things.</summary>
    private const int CostFactor = 20;

    private readonly Lock _lock = new();
    private long _counted;
    private long _held;
    private long _added;
    private long? _countedAt;
    private TimeSpan _took;
    private Task? _counting;

    /// <summary>The most that it may have.</summary>
    public long Limit => limit;

    /// <summary>Makes sure that what is known is new enough to let something in.</summary>
    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        await CountAsync(Fresh, cancellationToken);
        if (Room <= 0)
            await CountAsync(FreshRefusal, cancellationToken);
    }

    /// <summary>Holds room for an amount until it is stored, or is not; false where there is none.</summary>
    public bool TryHold(long amount)
    {
        lock (_lock)
        {
            if (_counted + _added + _held + amount > limit)
                return false;
            _held += amount;
            return true;
        }
    }

    /// <summary>What was held has become of it: it is stored, or nothing is.</summary>
    public void End(long amount, bool isStored)
    {
        lock (_lock)
        {
            _held -= amount;
            if (isStored)
                _added += amount;
        }
    }

    private long Room
    {
        get
        {
            lock (_lock)
                return limit - _counted - _added - _held;
        }
    }

    /// <summary>Counts, or waits for who counts already: one that gives up does not end it for the others.</summary>
    private Task CountAsync(TimeSpan fresh, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_countedAt is { } at && time.GetElapsedTime(at) < TimeSpan.FromTicks(Math.Max(fresh.Ticks, _took.Ticks * CostFactor)))
                return Task.CompletedTask;
            return (_counting ??= Task.Run(CountOnceAsync, CancellationToken.None)).WaitAsync(cancellationToken);
        }
    }

    private async Task CountOnceAsync()
    {
        try
        {
            long start = time.GetTimestamp(), before;
            lock (_lock)
                before = _added;
            long found = await count(CancellationToken.None);
            lock (_lock)
            {
                // What was stored before counting began has been counted; what came while it ran may have been: then it counts twice until the next time.
                (_counted, _added) = (found, _added - before);
                (_countedAt, _took) = (time.GetTimestamp(), time.GetElapsedTime(start));
            }
        }
        finally
        {
            lock (_lock)
                _counting = null;
        }
    }
}
