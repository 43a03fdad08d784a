namespace Gemma2.Storage.Models.Ranges;

/// <summary>Which ranges are asked for a second time: those that take much longer than others of their kind, within a share of all that is read.</summary>
internal sealed class SlowRanges(LinkPace pace)
{
    /// <summary>At most this share of the bytes is asked for twice.</summary>
    public const double Share = 0.04;

    // A range is late after so many times what it should take, and then only if the rest would still take it long.
    private const int TimesLate = 3;

    private const int TimesRest = 2;

    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(50);

    // A machine with much to do is late by itself; another try would only give it more.
    private static readonly TimeSpan ShortestLate = TimeSpan.FromMilliseconds(300);

    // Before so many ranges it is not known what a range takes.
    private const int Peers = 8;

    private readonly Lock _lock = new();
    private long _bytes, _bytesTwice;

    /// <summary>How many ranges were asked for twice.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes that were asked for twice.</summary>
    public long BytesTwice
    {
        get
        {
            lock (_lock) return _bytesTwice;
        }
    }

    /// <summary>A file will be read that has so many bytes.</summary>
    public void Expect(long bytes)
    {
        lock (_lock) _bytes += bytes;
    }

    /// <summary>How long to wait until a range is looked at.</summary>
    public TimeSpan Wait(RangeRead range)
    {
        TimeSpan wait = LateAfter(pace.Expected(range.Length) ?? TimeSpan.Zero) - range.Elapsed;
        return wait > ShortestWait ? wait : ShortestWait;
    }

    /// <summary>Whether to ask for the rest of a range again; what is asked for is counted.</summary>
    public bool TryTake(RangeRead range)
    {
        int rest = range.Length - range.Count;
        lock (_lock)
        {
            if (pace.Ranges < Peers || !IsLate(range, rest) || _bytesTwice + rest > _bytes * Share) return false;
            _bytesTwice += rest;
            Count++;
            return true;
        }
    }

    private bool IsLate(RangeRead range, int rest)
    {
        if (rest == 0 || pace.Expected(range.Length) is not { } whole || pace.Expected(rest) is not { } again) return false;
        TimeSpan elapsed = range.Elapsed;
        // What has begun to come well comes to its end by itself.
        return elapsed >= LateAfter(whole) && (range.Count == 0 || elapsed / range.Count * rest > again * TimesRest);
    }

    private static TimeSpan LateAfter(TimeSpan expected) => expected * TimesLate > ShortestLate ? expected * TimesLate : ShortestLate;
}
