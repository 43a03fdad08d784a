using Gemma2.Backend.Startup;
using Gemma2.Cli.Planning;

namespace Gemma2.Cli.Tests.Planning;

public sealed class StartupTimesTests
{
    private static readonly StartupStage[] Common = [Stage("runtime", 0, 0.1), Stage("host", 0.1, 0.6), Stage("device", 0.4, 1), Stage("warm", 9, 10), Stage("first_token", 20, 21)];

    [Fact]
    public void Of_PipelinesBesideWeights_TakesTheLongerOfBoth()
    {
        StartupTimes times = Times(Stage("weights", 1, 5) with { Bytes = 2_000_000_000 }, Stage("pipelines", 1, 8.5));

        Assert.Equal((1.0, 7.5, 1.5), (times.BeforeSeconds, times.BesideSeconds, times.AfterSeconds));
        Assert.Equal(500e6, times.BytesPerSecond);
        Assert.Equal(10, times.Seconds(4), 9);
        Assert.Equal(1 + 100 + 1.5, times.Seconds(100), 9);
    }

    [Fact]
    public void Of_PipelinesThatTheWarmUpWaitsFor_AreBesideTheWeights()
    {
        StartupTimes times = Times(Stage("weights", 1, 5), Stage("pipelines", 1, 9.75));

        Assert.Equal((1.0, 8.75, 0.25), (times.BeforeSeconds, times.BesideSeconds, times.AfterSeconds));
    }

    [Fact]
    public void Of_WeightsAlone_AreReplaced()
    {
        StartupTimes times = Times(Stage("pipelines", 1, 3), Stage("weights", 3, 8.5), Stage("file", 3, 6) with { Of = "a", Bytes = 40 }, Stage("file", 3, 7) with { Of = "b", Bytes = 15 });

        Assert.Equal((3.0, 0.0, 1.5), (times.BeforeSeconds, times.BesideSeconds, times.AfterSeconds));
        Assert.Equal(10, times.BytesPerSecond);
    }

    [Fact]
    public void Of_AStartWithoutWeightsOrEnd_IsNone()
    {
        Assert.Null(StartupTimes.Of(Report(10)));
        Assert.Null(StartupTimes.Of(Report(null, Stage("weights", 1, 5))));
        Assert.Null(StartupTimes.Of(Report(4, Stage("weights", 1, 5))));
    }

    [Fact]
    public async Task Plan_WithAStart_CountsItsStagesAndItsRate()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("app.log", """2026 info: x[1] {"startup":{"start":"2026-12-01T00:00:00.000Z","machine":"replica-7","model":"gemma","ready_seconds":10,"stages":[{"stage":"weights","begin_seconds":2,"seconds":4,"bytes":4000000000},{"stage":"warm","begin_seconds":6,"seconds":4}]}}""");
        string[] plan = ["plan", "--model", "2b", "--type", "q8_0", "--gpu", "t4", "--requests-per-hour", "10", "--hours", "1", "--platform-start", "20", "--image-pull", "10", "--driver-install", "0", "--startup", file];

        string text = (await Gemma2Program.RunAsync(plan)).Succeeded();

        // 2B in Q8_0 is 2.78 GB: 2.78 s at the measured 1000 MB/s, in place of the four seconds of that start.
        Assert.Contains("cold start: the app", text);
        Assert.Contains("2 s before its weights, 4 s after them", text);
        Assert.Contains("measured: gemma on replica-7, 2026-12-01", text);
        Assert.Contains("38.8 s, 2.78 s of it for 2.78 GB of weights", text);
        Assert.Contains("38.8 s at 1 GB/s, 37.4 s at 2 GB/s, 36.6 s at 5 GB/s", text);
        Assert.Contains("36.6 s, 0.556 s of it", (await Gemma2Program.RunAsync([.. plan, "--load-rate", "5000"])).Succeeded());
    }

    [Theory]
    [InlineData("nothing", "has no start-up timeline")]
    [InlineData("""{"start":"2026-12-01T00:00:00Z","stages":[]}""", "not ready")]
    [InlineData("""{"start":"2026-12-01T00:00:00Z","ready_seconds":1,"stages":[]}""", "weights")]
    [InlineData("""{"start":"2026-12-01T00:00:00Z","ready_seconds":-1,"stages":[]}""", "ready_seconds")]
    public async Task Plan_WithNoStart_SaysWhatIsWrong(string content, string mention)
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("start.json", content);

        (await Gemma2Program.RunAsync("plan", "--model", "2b", "--type", "q8_0", "--gpu", "t4", "--requests-per-hour", "1", "--startup", file)).Failed(1, "start.json", mention);
    }

    private static StartupTimes Times(params StartupStage[] stages) => StartupTimes.Of(Report(10, stages))!;

    private static StartupReport Report(double? ready, params StartupStage[] stages) =>
        new(DateTimeOffset.UnixEpoch, "replica", "nano", ready is { } seconds ? TimeSpan.FromSeconds(seconds) : null, [.. Common, .. stages]);

    private static StartupStage Stage(string name, double begin, double end) => new(name, null, TimeSpan.FromSeconds(begin), TimeSpan.FromSeconds(end), 0);
}
