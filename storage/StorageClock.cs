namespace Gemma2.Storage;

/// <summary>
/// Storage's time, from the <c>Date</c> headers of its answers; this machine's until the first one. An answer says that storage's clock showed that second
/// at some moment between the request and its answer: so each bounds how far that clock is from this process's monotonic one, and the estimate is moved no
/// further than into these bounds. It never jumps with this machine's clock, nor with one answer: what would move it far is believed when several answers
/// in a row agree, and never when it is days away from this machine's clock, with which neither signatures nor tokens nor certificates would hold.
/// </summary>
internal sealed class StorageClock(TimeProvider time)
{
    // So many in a row must agree on a time that is far from the estimate.
    private const int Agreeing = 3;

    // What a Date header leaves out.
    private static readonly TimeSpan Resolution = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan FarthestFromLocal = TimeSpan.FromDays(2);

    private readonly Lock _lock = new();
    private readonly long _start = time.GetTimestamp();
    private DateTimeOffset _timeAtStart = time.GetUtcNow();
    private DateTimeOffset _other;
    private int _others;

    /// <summary>The time as storage tells it, within a second.</summary>
    public DateTimeOffset UtcNow
    {
        get
        {
            lock (_lock) return _timeAtStart + Uptime;
        }
    }

    /// <summary>How long this clock has run, by the machine's monotonic clock.</summary>
    public TimeSpan Uptime => time.GetElapsedTime(_start);

    /// <summary>Learns from one answer. False when its time cannot be storage's, or is so far from what others said that others must agree first.</summary>
    /// <param name="date">The time that it names.</param>
    /// <param name="sent">The <see cref="Uptime"/> when its request was sent.</param>
    public bool TryLearn(DateTimeOffset date, TimeSpan sent)
    {
        if ((date - time.GetUtcNow()).Duration() > FarthestFromLocal) return false;
        DateTimeOffset earliest = date - Uptime, latest = date + Resolution - sent;
        lock (_lock)
        {
            bool isFar = _timeAtStart < earliest - Tolerance || _timeAtStart > latest + Tolerance;
            if (isFar && !Agree(earliest)) return false;
            _others = 0;
            _timeAtStart = _timeAtStart < earliest ? earliest : _timeAtStart > latest ? latest : _timeAtStart;
            return true;
        }
    }

    private bool Agree(DateTimeOffset timeAtStart)
    {
        _others = _others > 0 && (timeAtStart - _other).Duration() <= Tolerance ? _others + 1 : 1;
        _other = timeAtStart;
        return _others >= Agreeing;
    }
}
