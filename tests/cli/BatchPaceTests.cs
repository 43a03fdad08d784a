using CsCheck;
using Gemma2.Cli.Commands.Batches;
using Gemma2.Storage.Batches;

namespace Gemma2.Cli.Tests;

public sealed class BatchPaceTests
{
    [Fact]
    public void Pace_NothingSeen_IsUnknown()
    {
        var pace = new BatchPace();
        Assert.Null(pace.TokensPerSecond);
        Assert.Null(pace.TimeLeft);
    }

    [Fact]
    public void Pace_OneLook_IsUnknownHoweverMuchIsDone() => AssertUnknown(Seen((0, 500, 90_000)));

    [Fact]
    public void Pace_LooksWithinAMoment_AreUnknown() => AssertUnknown(Seen((0, 0, 0), (1, 32, 4000), (4, 64, 8000)));

    [Fact]
    public void Pace_NothingDoneYet_IsUnknown() => AssertUnknown(Seen((0, 0, 0), (10, 0, 0), (60, 0, 0)));

    [Fact]
    public void Pace_WhatWasDoneBeforeTheWatch_DoesNotCount()
    {
        BatchPace pace = Seen((0, 400, 100_000), (10, 410, 101_000));
        Assert.Equal(100, pace.TokensPerSecond!.Value, 6);
        Assert.Equal(590, pace.TimeLeft!.Value.TotalSeconds, 6);
    }

    [Fact]
    public void Pace_AllDone_HasNoTimeLeft() => Assert.Equal(TimeSpan.Zero, Seen((0, 0, 0), (10, 1000, 5000)).TimeLeft);

    [Fact]
    public void Pace_StandsStill_LeavesMoreAndMoreTimeAndThenNone()
    {
        BatchPace pace = Seen((0, 0, 0), (60, 600, 6000));
        TimeSpan before = pace.TimeLeft!.Value;
        pace.Add(TimeSpan.FromSeconds(90), Counts(600), new BatchUsage(0, 6000));
        Assert.True(pace.TimeLeft > before);
        for (int hour = 1; hour <= 100; hour++) pace.Add(TimeSpan.FromHours(hour), Counts(600), new BatchUsage(0, 6000));
        Assert.Null(pace.TimeLeft);
    }

    [Fact]
    public void Pace_BecomesTwiceAsFast_IsSoonSeen()
    {
        var pace = new BatchPace();
        int done = 0;
        for (int second = 0; second <= 120; second += 2) pace.Add(TimeSpan.FromSeconds(second), Counts(done += 2, 100_000), new BatchUsage(0, done * 10L));
        Assert.Equal(10, pace.TokensPerSecond!.Value, 6);
        for (int second = 122; second <= 240; second += 2) pace.Add(TimeSpan.FromSeconds(second), Counts(done += 4, 100_000), new BatchUsage(0, done * 10L));
        Assert.InRange(pace.TokensPerSecond!.Value, 15, 20);
    }

    [Fact]
    public void Pace_RequestsOfMinutes_IsWithinAFactorOfTheTruth()
    {
        var pace = new BatchPace();
        for (int second = 0; second <= 7200; second += 10) pace.Add(TimeSpan.FromSeconds(second), Counts(second / 300, 100), new BatchUsage(0, second / 300 * 600L));
        Assert.InRange(pace.TokensPerSecond!.Value, 1, 4);
        Assert.InRange(pace.TimeLeft!.Value.TotalSeconds, 76 * 150, 76 * 600);
    }

    [Fact]
    public void Pace_SteadyAtAnyRhythm_IsExact() => Gen.Select(Gen.Int[1, 2000].Array[3, 40], Gen.Int[1, 50]).Sample((gaps, rate) =>
    {
        var pace = new BatchPace();
        long tenths = 0;
        foreach (int gap in gaps.Prepend(100))
        {
            tenths += gap;
            pace.Add(TimeSpan.FromSeconds(tenths / 10.0), new BatchCounts(1_000_000_000, tenths * rate, 0), new BatchUsage(tenths, tenths * rate * 7));
        }
        double watched = gaps.Sum() / 10.0;
        if (watched < 5) return;
        Assert.Equal(rate * 70.0, pace.TokensPerSecond!.Value, 3);
        double left = (1_000_000_000 - (tenths * rate)) / (rate * 10.0);
        if (left < TimeSpan.FromDays(30).TotalSeconds) Assert.Equal(left, pace.TimeLeft!.Value.TotalSeconds, 1);
        else Assert.Null(pace.TimeLeft);
    });

    [Fact]
    public void Pace_AnyLooks_NeverGivesNonsense() => Gen.Select(Gen.Int[-5, 500], Gen.Long[0, 1000], Gen.Long[0, 1000], Gen.Long[0, 2000]).Array[0, 30].Sample(looks =>
    {
        var pace = new BatchPace();
        int at = 0;
        foreach ((int gap, long completed, long failed, long total) in looks)
        {
            pace.Add(TimeSpan.FromSeconds(at += gap), new BatchCounts(total, completed, failed), new BatchUsage(0, completed * 3));
            Assert.True(pace.TokensPerSecond is null or (> 0 and < double.PositiveInfinity));
            Assert.True(pace.TimeLeft is null || pace.TimeLeft >= TimeSpan.Zero);
        }
    });

    private static void AssertUnknown(BatchPace pace)
    {
        Assert.Null(pace.TokensPerSecond);
        Assert.Null(pace.TimeLeft);
    }

    private static BatchPace Seen(params (double Seconds, long Done, long Tokens)[] looks)
    {
        var pace = new BatchPace();
        foreach ((double seconds, long done, long tokens) in looks) pace.Add(TimeSpan.FromSeconds(seconds), Counts(done), new BatchUsage(7, tokens));
        return pace;
    }

    private static BatchCounts Counts(long done, long total = 1000) => new(total, done - (done / 10), done / 10);
}
