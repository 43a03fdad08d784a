namespace Gemma2.Benchmarks.Blobs;

/// <summary>What a link does not give. Which answers are slow or refused follows from their number alone: the same in every run.</summary>
/// <param name="Latency">Until the first byte of each answer.</param>
/// <param name="ConnectionRate">Bytes a second of one connection; 0 is no limit.</param>
/// <param name="Rate">Bytes a second of all together; 0 is no limit.</param>
/// <param name="TailEvery">Of so many answers with ranges one is slow; 0 is none.</param>
/// <param name="TailDelay">How long the first byte of a slow one is waited for.</param>
/// <param name="BusyEvery">Of so many requests for ranges one is refused with 503; 0 is none.</param>
internal sealed record LinkLimits(TimeSpan Latency, long ConnectionRate, long Rate, int TailEvery, TimeSpan TailDelay, int BusyEvery)
{
    private readonly Lock _lock = new();
    private long _ranges;
    private DateTime _free;

    /// <summary>The number of a request for a range.</summary>
    public long NextRange() => Interlocked.Increment(ref _ranges);

    /// <summary>Whether the request of that number is refused.</summary>
    public bool IsBusy(long range) => BusyEvery > 0 && Scatter(range) % BusyEvery == 0;

    /// <summary>How long the request of that number waits.</summary>
    public TimeSpan Delay(long range) => TailEvery > 0 && (Scatter(range) >> 8) % TailEvery == 0 ? TailDelay : Latency;

    /// <summary>When bytes that are to be sent now will have gone over the link.</summary>
    public DateTime Reserve(int bytes)
    {
        if (Rate == 0) return DateTime.UtcNow;
        lock (_lock)
        {
            DateTime now = DateTime.UtcNow;
            return _free = (_free > now ? _free : now) + TimeSpan.FromSeconds((double)bytes / Rate);
        }
    }

    // Not at equal distances, or the slow ones would fall on the same one of several connections.
    private static long Scatter(long number) => (long)(((ulong)number * 0x9E3779B97F4A7C15) >> 20);
}
