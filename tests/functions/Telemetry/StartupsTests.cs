using System.Diagnostics;
using System.Text.Json;
using Gemma2.Backend.Startup;
using Gemma2.Service.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gemma2.Functions.Tests.Telemetry;

/// <summary>Starts in the log, and as traces.</summary>
[Collection(nameof(WatchingTests))]
public sealed class StartupsTests : IDisposable
{
    private readonly CollectedLog _log = new();

    public void Dispose() => _log.Dispose();

    [Fact]
    public async Task End_ALoad_IsALineOfJsonAndOneMoreWithTheFirstToken()
    {
        await using TestApp app = await StartAsync();
        Startups startups = app.App.Services.GetRequiredService<Startups>();
        StartupTimeline load = startups.Begin();
        load.Begin(StartupStages.Device).Dispose();
        startups.End(load, "nano");
        await _log.WaitForAsync<Startups>(1);
        load.GiveFirstToken(Stopwatch.GetTimestamp());
        load.GiveFirstToken(Stopwatch.GetTimestamp());

        string[] lines = await _log.WaitForAsync<Startups>(2);

        StartupReport[] reports = [.. lines.Select(Read)];
        Assert.Equal(2, reports.Length);
        Assert.All(reports, report => Assert.Equal(("nano", load.Report().Ready!.Value.TotalSeconds, "device"), (report.Model, report.Ready!.Value.TotalSeconds, report.Stages[0].Name), Close));
        Assert.Equal([null, "first_token"], reports.Select(report => report.FirstToken?.Name));
        Assert.Equal(reports[0].Start, reports[1].Start);
    }

    [Fact]
    public async Task Begin_AfterAFailedLoad_CountsFromThere()
    {
        await using TestApp app = await StartAsync();
        Startups startups = app.App.Services.GetRequiredService<Startups>();
        StartupTimeline failed = startups.Begin();
        Thread.Sleep(20);
        StartupTimeline second = startups.Begin();

        Assert.NotSame(failed, second);
        Assert.True(second.Start > failed.Start);
        Assert.Same(second, startups.Current);
    }

    [Fact]
    public async Task End_WithAnOtlpEndpoint_SendsASpanForEachStage()
    {
        await using OtlpReceiver receiver = await OtlpReceiver.StartAsync();
        StartupReport report;
        await using (TestApp app = await StartAsync($"OTEL_EXPORTER_OTLP_ENDPOINT={receiver.Address}", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_EXPORTER_OTLP_HEADERS=x-key=secret"))
        {
            Startups startups = app.App.Services.GetRequiredService<Startups>();
            StartupTimeline load = startups.Begin();
            using (StartupSpan file = load.Begin(StartupStages.File, "model.gguf"))
                file.Add(1000);
            load.Begin(StartupStages.Warm).Dispose();
            startups.End(load, "nano");
            await _log.WaitForAsync<Startups>(1);
            load.GiveFirstToken(Stopwatch.GetTimestamp());
            await _log.WaitForAsync<Startups>(2);
            report = load.Report();
        }
        // What is not sent yet is sent when the app ends.
        ReceivedSpan root = Assert.Single(receiver.Spans, span => span.Name == "startup");
        Assert.Equal("", root.Parent);
        Assert.Equal(Nanoseconds(report, TimeSpan.Zero), root.Begin, Close);
        Assert.Equal(Nanoseconds(report, report.Ready!.Value), root.End, Close);
        foreach (StartupStage stage in report.Stages)
        {
            ReceivedSpan span = Assert.Single(receiver.Spans, span => span.Name == stage.Name);
            Assert.Equal((root.Trace, root.Id), (span.Trace, span.Parent));
            Assert.Equal(Nanoseconds(report, stage.Begin), span.Begin, Close);
            Assert.Equal(Nanoseconds(report, stage.End!.Value), span.End, Close);
        }
        Assert.Equal(1 + report.Stages.Count, receiver.Spans.Count);
        Assert.All(receiver.Keys, key => Assert.Equal("secret", key));
    }

    [Theory]
    [InlineData("OTEL_SDK_DISABLED=true")]
    [InlineData("OTEL_TRACES_EXPORTER=none")]
    public async Task End_WhereTracesAreTurnedOff_SendsNone(string setting)
    {
        await using OtlpReceiver receiver = await OtlpReceiver.StartAsync();
        await using (TestApp app = await StartAsync($"OTEL_EXPORTER_OTLP_ENDPOINT={receiver.Address}", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", setting))
        {
            Startups startups = app.App.Services.GetRequiredService<Startups>();
            startups.End(startups.Begin(), "nano");
            await _log.WaitForAsync<Startups>(1);
        }
        Assert.Empty(receiver.Spans);
    }

    [Fact]
    public async Task End_WhereNobodyTakesTraces_IsLoggedAsEver()
    {
        await using TestApp app = await StartAsync("OTEL_EXPORTER_OTLP_ENDPOINT=nowhere at all", "OTEL_EXPORTER_OTLP_PROTOCOL=smoke");
        Startups startups = app.App.Services.GetRequiredService<Startups>();
        StartupTimeline load = startups.Begin();
        startups.End(load, "nano");
        load.GiveFirstToken(Stopwatch.GetTimestamp());

        Assert.Equal(2, (await _log.WaitForAsync<Startups>(2)).Length);
    }

    private Task<TestApp> StartAsync(params string[] settings) =>
        TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), services => services.AddLogging(logging => logging.AddProvider(_log)), settings);

    private static StartupReport Read(string line)
    {
        Assert.DoesNotContain('\n', line);
        using JsonDocument json = JsonDocument.Parse(line);
        return StartupJson.Read(json.RootElement.GetProperty("startup"), "the line");
    }

    private static ulong Nanoseconds(StartupReport report, TimeSpan time) => (ulong)(report.Start + time - DateTimeOffset.UnixEpoch).Ticks * 100;

    // A span's times are those of the timeline, to the digits of the log's or of the clock's.
    private static bool Close(ulong a, ulong b) => Math.Max(a, b) - Math.Min(a, b) < 1_000_000;

    private static bool Close((string?, double, string) a, (string?, double, string) b) => (a.Item1, a.Item3) == (b.Item1, b.Item3) && Math.Abs(a.Item2 - b.Item2) < 1e-3;
}
