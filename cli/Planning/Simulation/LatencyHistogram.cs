namespace Gemma2.Cli.Planning.Simulation;

/// <summary>
/// Counts times in buckets whose width is at most 1/128 of their value, as HdrHistogram does: any number of times in constant memory, percentiles within 0.8 %. The
/// bucket of a time is the upper bits of its floating-point number.
/// </summary>
internal sealed class LatencyHistogram
{
    private const int SubBucketBits = 7;
    private const int DroppedBits = 52 - SubBucketBits;

    // From a microsecond to 30 years; what is shorter counts as none.
    private const double Shortest = 1e-6;
    private const double LongestPossible = 1e9;
    private static readonly long First = UpperBits(Shortest);
    private static readonly int Buckets = (int)(UpperBits(LongestPossible) - First) + 2;

    private readonly long[] _counts = new long[Buckets];
    private double _sum;

    /// <summary>How many times were added.</summary>
    public long Count { get; private set; }

    /// <summary>The longest; 0 where none was added.</summary>
    public double Longest { get; private set; }

    /// <summary>The mean; 0 where none was added.</summary>
    public double Mean => Count == 0 ? 0 : _sum / Count;

    /// <summary>Adds a time in seconds.</summary>
    public void Add(double seconds)
    {
        _counts[Bucket(seconds)]++;
        Count++;
        _sum += seconds;
        Longest = Math.Max(Longest, seconds);
    }

    /// <summary>The time that so large a share of the times does not exceed; 0 where none was added.</summary>
    /// <param name="share">From 0 to 1: 0.99 for the 99th percentile.</param>
    public double Percentile(double share)
    {
        long wanted = Math.Max(1, (long)Math.Ceiling(share * Count)), seen = 0;
        for (int bucket = 0; bucket < Buckets; bucket++)
        {
            seen += _counts[bucket];
            if (seen >= wanted) return Math.Min(UpperEnd(bucket), Longest);
        }
        return 0;
    }

    private static int Bucket(double seconds) => seconds < Shortest ? 0 : 1 + (int)(UpperBits(Math.Min(seconds, LongestPossible)) - First);

    private static long UpperBits(double number) => BitConverter.DoubleToInt64Bits(number) >> DroppedBits;

    private static double UpperEnd(int bucket) => bucket == 0 ? 0 : BitConverter.Int64BitsToDouble((First + bucket) << DroppedBits);
}
