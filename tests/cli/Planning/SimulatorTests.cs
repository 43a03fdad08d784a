using CsCheck;
using Gemma2.Cli.Planning.Rates;
using Gemma2.Cli.Planning.Simulation;

namespace Gemma2.Cli.Tests.Planning;

public sealed class SimulatorTests
{
    private static readonly RateProfile Burst = RateProfile.Named("burst").WithMean(2000);

    [Fact]
    public void Run_AnyService_LosesNoRequest() => (from mean in Gen.Double[0, 4000]
                                                    from profile in Gen.OneOf("flat", "diurnal", "burst")
                                                    from sequences in Gen.Int[1, 8]
                                                    from minReplicas in Gen.Int[0, 3]
                                                    from queueLength in Gen.Int[1, 10]
                                                    from coldStart in Gen.Double[0, 300]
                                                    from grace in Gen.Double[0, 60]
                                                    from failuresADay in Gen.OneOf(0.0, 1.0, 100.0)
                                                    from lease in Gen.Double[0, 900]
                                                    from seed in Gen.Int[0, 1000]
                                                    select Plans.Service(RateProfile.Named(profile).WithMean(mean), 6) with
                                                    {
                                                        Sequences = sequences,
                                                        Scaling = new ScalingOptions { MinReplicas = minReplicas, MaxReplicas = 5, QueueLength = queueLength },
                                                        ColdStartSeconds = coldStart,
                                                        GraceSeconds = grace,
                                                        FailuresPerSecond = failuresADay / 86_400,
                                                        LeaseSeconds = lease,
                                                        Seed = seed,
                                                    }).Sample(
        options =>
        {
            SimulationResult result = options.Run();
            TimelineSlot total = result.Timeline.Total;
            Assert.Equal(total.Arrived, total.Served + result.Waiting + result.InWork);
            Assert.Equal(total.Served, result.Waits.Count);
            Assert.Equal(total.Served, result.Timeline.Rows.Sum(row => row.Waits.Count));
            Assert.Equal(options.Seconds, total.Seconds, tolerance: 1e-6);
            Assert.InRange(total.MostBilled, options.Scaling.MinReplicas, int.MaxValue);
            Assert.InRange(total.BusySeconds, 0, total.BilledSeconds + 1e-6);
            Assert.InRange(total.BilledSeconds, (options.Scaling.MinReplicas * options.Seconds) - 1e-6, double.MaxValue);
            Assert.InRange(total.InWorkSeconds, total.BusySeconds - 1e-6, (total.BusySeconds * options.Sequences) + 1e-6);
            Assert.True(result.Waits.Mean <= result.FirstTokens.Mean && result.FirstTokens.Mean <= result.Answers.Mean);
        },
        iter: 60);

    [Fact]
    public void Run_MoreReplicas_NeverWaitLonger()
    {
        double[] means = [.. Enumerable.Range(2, 6).Select(servers => Plans.Servers(servers, 1.8, 20_000).Run().Waits.Mean)];
        Assert.Equal(means.OrderDescending(), means);
        Assert.True(means[0] > 100 * means[^1]);
    }

    [Fact]
    public void Run_FasterColdStart_NeverWaitsLonger()
    {
        double[] means = [.. new[] { 5.0, 30, 120, 600 }.Select(start => (Plans.Service(Burst, 24) with { ColdStartSeconds = start }).Run().Waits.Mean)];
        Assert.Equal(means.Order(), means);
        Assert.Equal(means.Distinct(), means);
    }

    [Fact]
    public void Run_ConstantRates_CostsWhatTheFormulaSays()
    {
        SimulationOptions options = Plans.Service(RateProfile.Named("flat").WithMean(1500), 24) with { Rates = RateTable.Constant(4000, 80) };
        SimulationResult result = options.Run();
        TimelineSlot total = result.Timeline.Total;
        // docs/capacity.md: hours for a million new tokens, from the share of time with work and the rates.
        double share = total.BusySeconds / total.BilledSeconds, prompt = options.Lengths.PromptTokens, answer = options.Lengths.NewTokens;
        double formula = 1e6 / (3600 * share) * ((answer / 80) + (prompt / 4000)) / answer;
        Assert.InRange(total.BilledSeconds / 3600 / result.NewTokens * 1e6, formula * 0.98, formula * 1.02);
    }

    [Fact]
    public void Run_NoRequests_CostsNothing()
    {
        TimelineSlot total = Plans.Service(RateProfile.Named("flat").WithMean(0), 24).Run().Timeline.Total;
        Assert.Equal(0, total.BilledSeconds);
        Assert.Equal(total.Seconds, total.SecondsAtZero);
        Assert.Equal(0, total.Arrived);
    }

    [Fact]
    public void Run_NoRequestsWithAFloor_CostsTheFloor()
    {
        SimulationOptions options = Plans.Service(RateProfile.Named("flat").WithMean(0), 10);
        TimelineSlot total = (options with { Scaling = options.Scaling with { MinReplicas = 3 } }).Run().Timeline.Total;
        Assert.Equal(3 * 10 * 3600, total.BilledSeconds, tolerance: 1e-6);
        Assert.Equal(0, total.SecondsAtZero);
        Assert.Equal(0, total.BusySeconds);
    }

    [Fact]
    public void Run_RequestsEnd_ScalesToZeroAfterTheCooldown()
    {
        RateProfile hour = RateProfile.Parse("0,500\n" + string.Concat(Enumerable.Range(1, 23).Select(n => $"{n},0\n")), "hours.csv");
        SimulationOptions options = Plans.Service(hour, 24);
        SimulationResult result = options.Run();
        Assert.Equal(result.Timeline.Total.Arrived, result.Timeline.Total.Served);
        TimelineSlot[] rows = [.. result.Timeline.Rows.Select(row => row.Sum)];
        Assert.True(rows[0].MostBilled > 0);
        // The last replica stays for the cooldown, is looked at once more, and finishes what it has.
        Assert.InRange(rows[1].BilledSeconds, 1, options.Scaling.MaxReplicas * (options.Scaling.Cooldown + (2 * options.Scaling.PollingInterval)));
        Assert.All(rows[2..], row => Assert.Equal(0, row.BilledSeconds));
    }

    [Fact]
    public void Run_FromZero_FirstRequestWaitsForTheLookAndTheColdStart()
    {
        // So few requests, and replicas that end at once: each finds none.
        SimulationOptions options = Plans.Service(RateProfile.Named("flat").WithMean(0.1), 240) with { Lengths = new RequestLengths(1, 1, true, 8192) };
        options = options with { Scaling = options.Scaling with { Cooldown = 0, ScaleInWindow = 0 } };
        LatencyHistogram waits = options.Run().Waits;
        Assert.InRange(waits.Count, 10, 50);
        Assert.InRange(waits.Percentile(0), options.ColdStartSeconds, options.ColdStartSeconds + options.Scaling.PollingInterval);
        Assert.InRange(waits.Longest, options.ColdStartSeconds, options.ColdStartSeconds + options.Scaling.PollingInterval);
    }

    [Fact]
    public void Run_ReplicasDie_TheirRequestsComeAgainAfterTheLease()
    {
        SimulationOptions options = Plans.Service(RateProfile.Named("flat").WithMean(2000), 24) with { FailuresPerSecond = 50 / 86_400.0, LeaseSeconds = 1200 };
        SimulationResult calm = (options with { FailuresPerSecond = 0 }).Run(), result = options.Run();
        Assert.Equal(0, calm.Redelivered);
        Assert.InRange(result.Redelivered, 20, 2000);
        Assert.True(calm.Waits.Longest < options.LeaseSeconds);
        Assert.InRange(result.Waits.Longest, options.LeaseSeconds, 3 * options.LeaseSeconds);
    }

    [Fact]
    public void Run_NoTimeToFinish_GivesWorkBackAndAnswersItLater()
    {
        SimulationOptions options = Plans.Service(Burst, 24) with { Lengths = new RequestLengths(400, 2000, false, 8192), GraceSeconds = 0 };
        options = options with { Scaling = options.Scaling with { QueueLength = 1, ScaleInWindow = 0 } };
        SimulationResult result = options.Run();
        Assert.True(result.Redelivered > 0);
        Assert.Equal(0, (options with { GraceSeconds = 86_400 }).Run().Redelivered);
    }

    [Fact]
    public void Run_TooFewReplicas_SaysWhoStillWaits()
    {
        SimulationResult result = Plans.Servers(1, 3, 10_000).Run();
        Assert.InRange(result.Waiting, 18_000, 22_000);
        Assert.InRange(result.OldestWaiting, 6_000, 7_200);
        Assert.Equal(1, result.InWork);
    }

    [Fact]
    public void Run_SameSeed_IsTheSame_AnotherIsNot()
    {
        SimulationOptions options = Plans.Service(Burst, 24) with { FailuresPerSecond = 10 / 86_400.0 };
        Assert.Equal(Fingerprint(options), Fingerprint(options));
        Assert.NotEqual(Fingerprint(options), Fingerprint(options with { Seed = 2 }));
    }

    [Fact]
    public void Run_OtherReplicas_GetTheSameRequests()
    {
        SimulationResult few = Plans.Servers(2, 1, 20_000).Run(), many = Plans.Servers(9, 1, 20_000).Run();
        Assert.Equal(few.Timeline.Slots.Select(slot => slot.Arrived), many.Timeline.Slots.Select(slot => slot.Arrived));
    }

    [Fact]
    public void Run_Cancelled_Stops()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => Simulator.Run(Plans.Servers(1, 0.5, 100), source.Token));
    }

    private static string Fingerprint(SimulationOptions options)
    {
        SimulationResult result = options.Run();
        return string.Join(';', result.Timeline.Slots.Select(slot => $"{slot.Arrived},{slot.Served},{slot.QueueSeconds:R},{slot.BilledSeconds:R}"))
            + $";{result.NewTokens},{result.Answers.Mean:R}";
    }
}
