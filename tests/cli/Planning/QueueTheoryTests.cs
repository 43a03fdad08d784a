using Gemma2.Cli.Planning.Simulation;

namespace Gemma2.Cli.Tests.Planning;

/// <summary>Where a queue has a closed form, the simulation gives it. Sources: Kleinrock, "Queueing Systems" I, 3.2 to 3.5, 5.6; for sharing, II, 4.4.</summary>
public sealed class QueueTheoryTests
{
    private const double LongRun = 400_000;

    [Theory]
    [InlineData(0.3)]
    [InlineData(0.5)]
    [InlineData(0.8)]
    public void Run_OneServer_WaitsAsMM1(double load)
    {
        LatencyHistogram waits = Plans.Servers(1, load, LongRun).Run().Waits;
        IsNear(load / (1 - load), waits.Mean, 0.06);
        IsNear(Math.Log(load / 0.01) / (1 - load), waits.Percentile(0.99), 0.08);
        Assert.InRange(waits.Percentile(1 - load - 0.02), 0, 1e-6);
    }

    [Theory]
    [InlineData(2, 0.7)]
    [InlineData(3, 0.8)]
    [InlineData(10, 0.9)]
    public void Run_SeveralServers_WaitAsMMc(int servers, double load)
    {
        SimulationOptions options = Plans.Servers(servers, load * servers, LongRun / servers);
        double mean = Enumerable.Range(1, 4).Average(seed => (options with { Seed = seed }).Run().Waits.Mean);
        IsNear(ErlangC(servers, load * servers) / (servers * (1 - load)), mean, 0.05);
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.8)]
    public void Run_EqualLengths_WaitAsMD1(double load) =>
        IsNear(load / (2 * (1 - load)), Plans.Servers(1, load, LongRun, fixedLengths: true).Run().Waits.Mean, 0.05);

    [Theory]
    [InlineData(0.6, false)]
    [InlineData(0.6, true)]
    [InlineData(0.8, false)]
    public void Run_SharedServer_AnswersAsProcessorSharingWhateverTheLengths(double load, bool fixedLengths)
    {
        SimulationResult result = Plans.Servers(1, load, LongRun, fixedLengths, sequences: 256).Run();
        IsNear(1 / (1 - load), result.Answers.Mean, 0.06);
        Assert.Equal(0, result.Waits.Longest);
    }

    [Theory]
    [InlineData(1, 0.7)]
    [InlineData(4, 0.85)]
    public void Run_Stationary_ObeysLittlesLaw(int servers, double load)
    {
        SimulationResult result = Plans.Servers(servers, load * servers, LongRun / servers).Run();
        TimelineSlot total = result.Timeline.Total;
        double rate = result.Answers.Count / total.Seconds;
        IsNear(rate * result.Waits.Mean, total.QueueSeconds / total.Seconds, 0.005);
        IsNear(rate * result.Answers.Mean, (total.QueueSeconds + total.InWorkSeconds) / total.Seconds, 0.005);
        IsNear(load, total.BusySeconds / total.BilledSeconds, 0.02);
    }

    private static void IsNear(double expected, double actual, double tolerance) => Assert.InRange(actual, expected * (1 - tolerance), expected * (1 + tolerance));

    // Probability that an arrival waits, with `offered` servers' worth of work for `servers`.
    private static double ErlangC(int servers, double offered)
    {
        double term = 1, sum = 1;
        for (int n = 1; n < servers; n++) sum += term *= offered / n;
        double all = term * offered / servers * servers / (servers - offered);
        return all / (sum + all);
    }
}
