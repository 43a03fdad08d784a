using System.Net;
using System.Text;
using System.Text.Json;
using Gemma2.Backend.Engine;
using Gemma2.Service.Http;
using Gemma2.Service.Http.Completions;
using Microsoft.Extensions.DependencyInjection;

namespace Gemma2.Functions.Tests.Readiness;

/// <summary>Requests that come before the model is ready.</summary>
public sealed class EarlyRequestTests : IAsyncDisposable
{
    private const string Text = "/v1/completions", Chat = "/v1/chat/completions", Messages = "/v1/messages", Responses = "/v1/responses";

    private readonly TaskCompletionSource<IInferenceEngine> _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ScriptedEngine _engine = new(Vocabulary.Tokenizer);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, string, string> Requests => new()
    {
        { Text, """{"model":"scripted","prompt":"Hi"}""", "Hello, world!" },
        { Chat, """{"model":"scripted","messages":[{"role":"user","content":"Hi"}]}""", "Hello, world!" },
        { Messages, """{"model":"scripted","max_tokens":99,"messages":[{"role":"user","content":"Hi"}]}""", "Hello, world!" },
        { Responses, """{"model":"scripted","input":"Hi"}""", "Hello, world!" },
        { "/openai/deployments/scripted/chat/completions?api-version=x", """{"messages":[{"role":"user","content":"Hi"}]}""", "Hello, world!" },
        { "/tokenize", """{"model":"scripted","prompt":"Hi"}""", "tokens" },
        { "/detokenize", """{"model":"scripted","tokens":[5]}""", "prompt" },
        { "/v1/messages/count_tokens", """{"model":"scripted","messages":[{"role":"user","content":"Hi"}]}""", "input_tokens" },
        { "/v1/responses/input_tokens", """{"model":"scripted","input":"Hi"}""", "input_tokens" },
    };

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task Post_BeforeTheModelIsReady_IsAnsweredWhenItIs(string path, string body, string expected)
    {
        // The time that a request has does not count while it waits.
        await using TestApp app = await StartAsync("Gemma2:RequestSeconds=1");

        Task<HttpResponseMessage> asked = app.PostAsync(path, body);
        await Task.Delay(TimeSpan.FromSeconds(1.5), Cancellation);
        Assert.False(asked.IsCompleted);
        _loaded.SetResult(_engine);

        using HttpResponseMessage response = await asked;
        string answer = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.IsSuccessStatusCode, answer);
        Assert.Contains(expected, answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Text, """{"model":"scripted","prompt":"Hi","stream":true}""", "data: [DONE]")]
    [InlineData(Chat, """{"model":"scripted","messages":[{"role":"user","content":"Hi"}],"stream":true}""", "data: [DONE]")]
    [InlineData(Messages, """{"model":"scripted","max_tokens":99,"messages":[{"role":"user","content":"Hi"}],"stream":true}""", "event: message_stop")]
    [InlineData(Responses, """{"model":"scripted","input":"Hi","stream":true}""", "event: response.completed")]
    public async Task Stream_BeforeTheModelIsReady_HasItsHeadersAndHeartbeatsThenItsAnswer(string path, string body, string end)
    {
        await using TestApp app = await StartAsync();

        using HttpResponseMessage response = await SendAsync(app, path, body);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancellation));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        Assert.NotEmpty(response.Headers.GetValues("Gemma2-Seed"));
        Assert.Equal(": heartbeat", await reader.ReadLineAsync(Cancellation));
        _loaded.SetResult(_engine);

        Assert.Contains(end, await reader.ReadToEndAsync(Cancellation), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Text, """{"model":"other","prompt":"Hi","stream":true}""", "", """{"error":{"message":"The model 'other' does not exist here; this server serves 'scripted'.","type":"invalid_request_error","param":"model","code":"model_not_found"}}""")]
    [InlineData(Messages, """{"model":"other","max_tokens":99,"messages":[{"role":"user","content":"Hi"}],"stream":true}""", "event: error\n", null)]
    [InlineData(Responses, """{"model":"other","input":"Hi","stream":true}""", "event: error\n", null)]
    public async Task Stream_RefusedAfterItsHeaders_EndsWithAnErrorEvent(string path, string body, string name, string? data)
    {
        await using TestApp app = await StartAsync();

        using HttpResponseMessage response = await SendAsync(app, path, body);
        _loaded.SetResult(_engine);
        string events = (await response.Content.ReadAsStringAsync(Cancellation)).Replace(": heartbeat\n\n", "", StringComparison.Ordinal);

        Assert.StartsWith($"{name}data: {data}", events, StringComparison.Ordinal);
        Assert.Contains("does not exist here", events, StringComparison.Ordinal);
        Assert.DoesNotContain("[DONE]", events, StringComparison.Ordinal);
        Assert.Single(events.Split("data: ").Skip(1));
        _ = JsonElement.Parse(events.Split("data: ")[1].Trim());
    }

    [Fact]
    public async Task Stream_ModelNotReadyInTime_EndsWithAnErrorEvent()
    {
        await using TestApp app = await StartAsync("Gemma2:StartupWaitSeconds=1");

        using HttpResponseMessage response = await SendAsync(app, Text, """{"model":"scripted","prompt":"Hi","stream":true}""");
        string events = await response.Content.ReadAsStringAsync(Cancellation);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains(": heartbeat\n\n", events, StringComparison.Ordinal);
        Assert.Contains("\"code\":\"model_loading\"", events, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_ModelNotReadyInTime_Is503WithRetryAfter()
    {
        await using TestApp app = await StartAsync("Gemma2:StartupWaitSeconds=1");

        using HttpResponseMessage response = await app.PostAsync(Text, """{"model":"scripted","prompt":"Hi"}""");

        await ErrorShape.AssertAsync(response, 503, null, "model_loading");
        Assert.NotNull(response.Headers.RetryAfter);
        Assert.False(response.Headers.Contains("Gemma2-Seed"));
    }

    [Theory]
    [InlineData("""{"model":"scripted","prompt":""", "Gemma2:RequestsPerMinute=100", 400)]
    [InlineData("""{"model":"scripted","prompt":"Hi","temperature":9}""", "Gemma2:RequestsPerMinute=100", 400)]
    [InlineData("""{"model":"scripted","prompt":"Hi"}""", "Gemma2:ApiKeys=ann=a-key-of-sixteen-characters", 401)]
    public async Task Post_ThatIsRefusedAnyway_DoesNotWait(string body, string setting, int status)
    {
        await using TestApp app = await StartAsync(setting);

        using HttpResponseMessage response = await app.PostAsync(Text, body);

        Assert.Equal(status, (int)response.StatusCode);
    }

    [Fact]
    public async Task Post_MoreThanMayWait_Is429()
    {
        await using TestApp app = await StartAsync("Gemma2:MaxWaitingRequests=2");
        Task<HttpResponseMessage>[] waiting = [app.PostAsync(Text, """{"model":"scripted","prompt":"Hi"}"""), app.PostAsync(Text, """{"model":"scripted","prompt":"Hi"}""")];
        await WaitForAsync(app, 2);

        using HttpResponseMessage third = await app.PostAsync("/tokenize", """{"model":"scripted","prompt":"Hi"}""");

        await ErrorShape.AssertAsync(third, 429, null, "server_busy");
        _loaded.SetResult(_engine);
        foreach (HttpResponseMessage response in await Task.WhenAll(waiting))
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Client_ThatGoesAway_DoesNotWaitAnyMore()
    {
        await using TestApp app = await StartAsync();
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        Task gone = app.Client.PostAsync(Text, Json("""{"model":"scripted","prompt":"Hi"}"""), leave.Token);
        await WaitForAsync(app, 1);

        await leave.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        await WaitForAsync(app, 0);
        _loaded.SetResult(_engine);
        using HttpResponseMessage next = await app.PostAsync(Text, """{"model":"scripted","prompt":"Hi"}""");
        Assert.Equal(1, _engine.Generations);
    }

    [Fact]
    public async Task Stop_WhileRequestsWait_AnswersThem()
    {
        TestApp app = await StartAsync();
        Task<HttpResponseMessage> asked = app.PostAsync(Text, """{"model":"scripted","prompt":"Hi"}""");
        await WaitForAsync(app, 1);

        await app.App.StopAsync(Cancellation);

        await ErrorShape.AssertAsync(await asked, 503, null, "stopping");
        await app.DisposeAsync();
    }

    [Fact]
    public async Task Health_WhileLoading_TellsTheStage()
    {
        var loader = new PlayedLoader(PlayedLoader.Waits(_loaded.Task));
        await using TestApp app = await TestApp.StartLoadingAsync(loader);
        using (loader.Timeline.Begin("device"))
            await WaitForHealthAsync(app, """{"status":"loading","stage":"device","bytes_loaded":10,"bytes_total":40}""");
        using (loader.Timeline.Begin("weights"))
        using (loader.Timeline.Begin("file", "a"))
            await WaitForHealthAsync(app, """{"status":"loading","stage":"weights","bytes_loaded":10,"bytes_total":40}""");

        _loaded.SetResult(_engine);
        await WaitForHealthAsync(app, """{"status":"ready","model":"scripted"}""");
    }

    private static async Task WaitForHealthAsync(TestApp app, string expected)
    {
        while (true)
        {
            using HttpResponseMessage response = await app.Client.GetAsync("/healthz", Cancellation);
            if (await response.Content.ReadAsStringAsync(Cancellation) == expected)
                return;
            await Task.Delay(10, Cancellation);
        }
    }

    private static async Task WaitForAsync(TestApp app, int waiting)
    {
        var early = app.App.Services.GetRequiredService<EarlyRequests>();
        while (early.Waiting != waiting)
            await Task.Delay(10, Cancellation);
    }

    private Task<TestApp> StartAsync(params string[] settings) => TestApp.StartLoadingAsync(new PlayedLoader(PlayedLoader.Waits(_loaded.Task)), settings);

    private static Task<HttpResponseMessage> SendAsync(TestApp app, string path, string body) =>
        app.Client.SendAsync(new HttpRequestMessage(HttpMethod.Post, path) { Content = Json(body) }, HttpCompletionOption.ResponseHeadersRead, Cancellation);

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");
}
