namespace Gemma2.Service.Limits;

/// <summary>
/// A bucket that is full at first and fills again within a minute, evenly. In any time it lets through what it holds and what that time fills, never more: it is filled up to the
/// moment before something is taken, in whole numbers, so that nothing is rounded.
/// </summary>
/// <param name="size">How much it holds, at least 1.</param>
/// <param name="time">What fills it.</param>
internal sealed class MinuteBucket(int size, TimeProvider time) : IMinuteLimit
{
    /// <summary>One of what it holds has as many parts as a minute has ticks: each tick fills <see cref="Size"/> of them.</summary>
    private const long Parts = TimeSpan.TicksPerMinute;

    private readonly Lock _lock = new();
    private readonly long _start = time.GetTimestamp();
    private long _parts = size * Parts;
    private long _filledAt;

    /// <inheritdoc />
    public int Size => size;

    /// <inheritdoc />
    public int Content
    {
        get
        {
            lock (_lock)
                return (int)(Math.Max(Fill(), 0) / Parts);
        }
    }

    /// <inheritdoc />
    public TimeSpan UntilFull
    {
        get
        {
            lock (_lock)
                return Until(size * Parts);
        }
    }

    /// <inheritdoc />
    public ValueTask<TimeSpan?> TryTakeAsync(int amount, CancellationToken cancellationToken) => ValueTask.FromResult(TryTake(amount));

    /// <inheritdoc cref="TryTakeAsync" />
    public TimeSpan? TryTake(int amount)
    {
        long wanted = Math.Min(amount, size) * Parts;
        lock (_lock)
        {
            if (Fill() < wanted)
                return Until(wanted);
            _parts -= wanted;
            return null;
        }
    }

    /// <summary>How long it takes until at least one is in it.</summary>
    public TimeSpan UntilOne
    {
        get
        {
            lock (_lock)
                return Fill() >= Parts ? TimeSpan.Zero : Until(Parts);
        }
    }

    /// <summary>Takes what is owed, also where it is not there: then that much must come in before anything can be taken again.</summary>
    public void Pay(long amount)
    {
        lock (_lock)
            _parts = Fill() - (Math.Min(amount, int.MaxValue) * Parts);
    }

    private long Fill()
    {
        long now = time.GetElapsedTime(_start).Ticks, full = size * Parts;
        // No longer than it takes to fill it, however long it was left alone.
        _parts = Math.Min(_parts + (Math.Min(now - _filledAt, ((full - _parts) / size) + 1) * size), full);
        _filledAt = now;
        return _parts;
    }

    private TimeSpan Until(long wanted) => TimeSpan.FromTicks((long)Math.Ceiling((wanted - Fill()) / (decimal)size));
}
