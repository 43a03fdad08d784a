using System.Net;
using System.Text.Json;
using Gemma2.Backend.Startup;
using Gemma2.Service.Telemetry;
using Microsoft.Extensions.DependencyInjection;

namespace Gemma2.Functions.Tests.Telemetry;

/// <summary><c>/startup</c> and <c>/metrics</c>: who may ask, and what they say.</summary>
[Collection(nameof(WatchingTests))]
public sealed class WatchingTests
{
    private const string Keys = "Gemma2:ApiKeys=ann=key-of-ann-0123456789";
    private const string Elsewhere = "203.0.113.9";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string> Routes => ["/startup", "/metrics"];

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Get_FromThisMachine_NeedsNoKeyAndNoModel(string route)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), Keys);

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(app, route));
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Get_FromElsewhere_NeedsAKey(string route)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), Keys);

        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(app, route, Elsewhere));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(app, route, Elsewhere, "another-key-0123456789"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(app, route, Elsewhere, "key-of-ann-0123456789"));
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Get_FromElsewhereWithoutKeys_IsRefused(string route)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));

        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(app, route, Elsewhere));
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Get_AgainAndAgain_CountsTowardsNoLimit(string route)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), "Gemma2:RequestsPerMinute=1");
        for (int i = 0; i < 3; i++)
            Assert.Equal(HttpStatusCode.OK, await StatusAsync(app, route));

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(app, "/v1/models"));
        Assert.Equal(HttpStatusCode.TooManyRequests, await StatusAsync(app, "/v1/models"));
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Post_IsNotAllowed(string route)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));

        using HttpResponseMessage response = await app.PostAsync(route, "{}");

        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
    }

    [Fact]
    public async Task GetStartup_LoadsOneAfterTheOther_AreAListNewestFirst()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        Startups startups = app.App.Services.GetRequiredService<Startups>();
        // The first try fails.
        startups.Begin().Begin(StartupStages.Device).Dispose();
        StartupTimeline second = startups.Begin();
        using (StartupSpan file = second.Begin(StartupStages.File, "model.gguf"))
            file.Add(1000);
        startups.End(second, "nano");

        using JsonDocument answer = JsonDocument.Parse(await app.Client.GetStringAsync("/startup", Cancellation));

        Assert.Equal("list", answer.RootElement.GetProperty("object").GetString());
        StartupReport[] starts = [.. answer.RootElement.GetProperty("data").EnumerateArray().Select(start => StartupJson.Read(start, "data"))];
        Assert.Equal(["nano", null], starts.Select(start => start.Model));
        Assert.Equal(["file", "device"], starts.Select(start => Assert.Single(start.Stages).Name));
        Assert.Equal(("model.gguf", 1000L), (starts[0].Stages[0].Of, starts[0].Stages[0].Bytes));
        Assert.Null(starts[1].Ready);
    }

    [Fact]
    public async Task GetStartup_ManyLoads_AreTheLastTen()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        Startups startups = app.App.Services.GetRequiredService<Startups>();
        for (int i = 0; i < 25; i++)
            startups.Begin().Begin(StartupStages.File, $"{i}").Dispose();

        using JsonDocument answer = JsonDocument.Parse(await app.Client.GetStringAsync("/startup", Cancellation));

        Assert.Equal(
            [.. Enumerable.Range(15, 10).Reverse().Select(i => $"{i}")],
            answer.RootElement.GetProperty("data").EnumerateArray().Select(start => start.GetProperty("stages")[0].GetProperty("of").GetString()));
    }

    [Fact]
    public async Task GetMetrics_AfterALoad_AreItsStagesAndTheProcess()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        Startups startups = app.App.Services.GetRequiredService<Startups>();
        StartupTimeline load = startups.Begin();
        using (StartupSpan file = load.Begin(StartupStages.File, "a \"b\"\\c.gguf"))
            file.Add(1000);
        load.Begin(StartupStages.Cache).Dispose();
        load.Begin(StartupStages.Cache).Dispose();
        load.Begin(StartupStages.Warm);
        startups.End(load, "nano");

        using HttpResponseMessage response = await app.Client.GetAsync("/metrics", Cancellation);
        var metrics = PrometheusText.Parse(await response.Content.ReadAsStringAsync(Cancellation));

        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        Assert.Equal("gauge", metrics.Types["gemma2_startup_stage_seconds"]);
        Assert.Equal("counter", metrics.Types["process_cpu_seconds_total"]);
        Assert.Equal(1000, metrics.Samples["""gemma2_startup_stage_size_bytes{of="a \"b\"\\c.gguf",stage="file"}"""]);
        Assert.Contains("""gemma2_startup_stage_seconds{stage="cache"}""", metrics.Samples.Keys);
        Assert.Contains("""gemma2_startup_stage_waited_seconds{stage="cache"}""", metrics.Samples.Keys);
        Assert.DoesNotContain("""gemma2_startup_stage_seconds{stage="warm"}""", metrics.Samples.Keys);
        Assert.InRange(metrics.Samples["gemma2_startup_ready_seconds"], 0, TimeSpan.FromDays(1).TotalSeconds);
        Assert.DoesNotContain("gemma2_startup_first_token_seconds", metrics.Samples.Keys);
        Assert.Equal(1, metrics.Samples["gemma2_ready"]);
        Assert.True(metrics.Samples["process_resident_memory_bytes"] > 1 << 20);
        Assert.Equal(
            new DateTimeOffset(System.Diagnostics.Process.GetCurrentProcess().StartTime).ToUnixTimeMilliseconds() / 1000.0, metrics.Samples["process_start_time_seconds"], tolerance: 1);
    }

    [Fact]
    public async Task GetMetrics_Twice_AreOfTheMomentEachTime()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        Startups startups = app.App.Services.GetRequiredService<Startups>();
        StartupTimeline load = startups.Begin();
        startups.End(load, "nano");
        Assert.DoesNotContain("first_token", await app.Client.GetStringAsync("/metrics", Cancellation), StringComparison.Ordinal);
        load.GiveFirstToken(System.Diagnostics.Stopwatch.GetTimestamp());

        var metrics = PrometheusText.Parse(await app.Client.GetStringAsync("/metrics", Cancellation));

        Assert.True(metrics.Samples["gemma2_startup_first_token_seconds"] >= metrics.Samples["gemma2_startup_ready_seconds"]);
    }

    private static async Task<HttpStatusCode> StatusAsync(TestApp app, string route, string? forwardedFor = null, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, route);
        if (forwardedFor is not null)
            request.Headers.Add("X-Forwarded-For", forwardedFor);
        if (key is not null)
            request.Headers.Add("api-key", key);
        using HttpResponseMessage response = await app.Client.SendAsync(request, Cancellation);
        return response.StatusCode;
    }
}
