namespace Gemma2.Storage.Tests.Faults;

/// <summary>A clock that stands still but for the steps of a test. Waits are over at once; the timeouts of tries never end.</summary>
internal sealed class SteppedTime : TimeProvider
{
    private DateTimeOffset _now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private long _timestamp;

    /// <summary>How far a wait, however long, moves the clock.</summary>
    public TimeSpan AdvanceOnWait { get; set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => _now;

    public override long GetTimestamp() => _timestamp;

    /// <summary>Time goes by.</summary>
    public void Advance(TimeSpan time)
    {
        _timestamp += time.Ticks;
        _now += time;
    }

    /// <summary>Somebody sets the clock; no time goes by.</summary>
    public void SetClock(TimeSpan change) => _now += change;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime == new StorageRetryOptions().TryTimeout || dueTime == Timeout.InfiniteTimeSpan)
            return System.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, period);
        Advance(AdvanceOnWait);
        return System.CreateTimer(callback, state, TimeSpan.Zero, period);
    }
}
