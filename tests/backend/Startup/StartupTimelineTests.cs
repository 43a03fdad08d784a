using System.Diagnostics;
using Gemma2.Backend.Startup;

namespace Gemma2.Backend.Tests.Startup;

public sealed class StartupTimelineTests
{
    [Fact]
    public void OfProcess_BeginsWithTheRuntime()
    {
        StartupTimeline timeline = StartupTimeline.OfProcess(Stopwatch.GetTimestamp());

        StartupStage runtime = Assert.Single(timeline.Stages);
        Assert.Equal(StartupStages.Runtime, runtime.Name);
        Assert.Equal(TimeSpan.Zero, runtime.Begin);
        Assert.Equal((DateTimeOffset.UtcNow - timeline.Start).TotalSeconds, runtime.End!.Value.TotalSeconds, tolerance: 5);
    }

    [Fact]
    public void Begin_AStage_EndsOnce()
    {
        StartupTimeline timeline = StartupTimeline.FromNow();
        StartupSpan span = timeline.Begin(StartupStages.File, "a");
        span.Add(3);
        span.Add(4);
        Assert.Null(Assert.Single(timeline.Stages).End);

        span.Dispose();
        TimeSpan? end = timeline.Stages[0].End;
        Thread.Sleep(5);
        span.Dispose();

        Assert.Equal(end, timeline.Stages[0].End);
        Assert.Equal(("a", 7L), (timeline.Stages[0].Of, timeline.Stages[0].Bytes));
    }

    [Fact]
    public async Task GiveFirstToken_ManyAtOnce_CountsOne()
    {
        StartupTimeline timeline = StartupTimeline.FromNow();
        timeline.BeReady("nano");
        long asked = Stopwatch.GetTimestamp();

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => timeline.GiveFirstToken(asked))));

        await timeline.FirstToken.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        Assert.Single(timeline.Stages, stage => stage.Name == StartupStages.FirstToken);
    }

    [Fact]
    public void GiveFirstToken_BeforeTheModelIsReady_IsPartOfTheWarmUp()
    {
        StartupTimeline timeline = StartupTimeline.FromNow();

        timeline.GiveFirstToken(Stopwatch.GetTimestamp());

        Assert.False(timeline.FirstToken.IsCompleted);
        Assert.Empty(timeline.Stages);
    }

    [Fact]
    public void Report_WrittenAndRead_IsWrittenTheSame()
    {
        StartupTimeline timeline = StartupTimeline.FromNow();
        for (int i = 0; i < 20; i++)
        {
            using StartupSpan span = timeline.Begin(StartupStages.File, $"{i}");
            Thread.SpinWait(5000);
        }
        timeline.BeReady("nano");
        StartupReport report = timeline.Report();

        string written = StartupJsonTests.Written(report), again = StartupJsonTests.Written(StartupJsonTests.Read(written));

        Assert.Equal(written, again);
        Assert.Equal(report.Ready, report.Stages.Aggregate(report.Between, (sum, stage) => sum + report.WaitedFor(stage)));
    }

    [Fact]
    public void BeReady_Twice_KeepsTheFirst()
    {
        StartupTimeline timeline = StartupTimeline.FromNow();
        Assert.Null(timeline.Report().Ready);
        timeline.BeReady("first");
        TimeSpan? ready = timeline.Report().Ready;
        timeline.BeReady("second");

        Assert.Equal(("first", ready), (timeline.Report().Model, timeline.Report().Ready));
    }
}
