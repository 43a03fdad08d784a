using CsCheck;
using Gemma2.Cli.Planning.Simulation;

namespace Gemma2.Cli.Tests.Planning;

public sealed class LatencyHistogramTests
{
    [Fact]
    public void Percentile_AnyTimes_IsTheRankedOneWithinOnePercent() => Gen.Select(Gen.Double[-4, 7].Array[1, 400], Gen.Double[0, 1]).Sample((exponents, share) =>
    {
        double[] times = [.. exponents.Select(exponent => Math.Pow(10, exponent)).Order()];
        LatencyHistogram histogram = Filled(times);
        double exact = times[Math.Max(0, (int)Math.Ceiling(share * times.Length) - 1)];
        Assert.InRange(histogram.Percentile(share), exact * 0.99, exact * 1.01);
        Assert.Equal(times.Average(), histogram.Mean, times[^1] * 1e-9);
        Assert.Equal(times[^1], histogram.Longest);
    });

    [Fact]
    public void Percentile_NoTimes_IsZero() => Assert.Equal(0, new LatencyHistogram().Percentile(0.5));

    [Theory]
    [InlineData(0.0)]
    [InlineData(1e-9)]
    [InlineData(1e12)]
    public void Add_OutsideTheBuckets_StillCounts(double time)
    {
        LatencyHistogram histogram = Filled([time]);
        Assert.Equal(1, histogram.Count);
        Assert.Equal(time, histogram.Longest);
        Assert.InRange(histogram.Percentile(1), 0, time);
    }

    private static LatencyHistogram Filled(IEnumerable<double> times)
    {
        var histogram = new LatencyHistogram();
        foreach (double time in times) histogram.Add(time);
        return histogram;
    }
}
