namespace Gemma2.Storage.Tests.Faults;

/// <summary>A clock on which every wait is over at once, and which remembers how long the waits were; the timeouts of tries never end.</summary>
internal sealed class RecordingTime(TimeSpan tryTimeout) : TimeProvider
{
    private readonly List<TimeSpan> _waits = [];

    public IReadOnlyList<TimeSpan> Waits => _waits;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime == tryTimeout || dueTime == Timeout.InfiniteTimeSpan) return System.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, period);
        _waits.Add(dueTime);
        return System.CreateTimer(callback, state, TimeSpan.Zero, period);
    }
}
