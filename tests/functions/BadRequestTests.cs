using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Text;
using Gemma2.Service.Completions;
using Gemma2.Service.Lifetime;
using Gemma2.Service.Model;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Gemma2.Functions.Tests;

/// <summary>Everything wrong gets OpenAI's error object and the right status, and the app goes on.</summary>
public sealed class BadRequestTests
{
    private const string Completions = "/v1/completions";
    private const string ChatCompletions = "/v1/chat/completions";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(404, "model", "model_not_found", Completions, """{"model":"other","prompt":"Hi"}""")]
    [InlineData(400, "prompt", null, Completions, """{"model":"scripted","prompt":""}""")]
    [InlineData(400, "prompt", null, Completions, """{"model":"scripted","prompt":[99999999]}""")]
    [InlineData(400, "prompt", null, Completions, """{"model":"scripted","prompt":[-1]}""")]
    [InlineData(400, "prompt", "context_length_exceeded", Completions, """{"model":"scripted","prompt":"Hi","max_tokens":100000}""")]
    [InlineData(400, "max_tokens", null, Completions, """{"model":"scripted","prompt":"Hi","max_tokens":-5}""")]
    [InlineData(400, "temperature", null, Completions, """{"model":"scripted","prompt":"Hi","temperature":3}""")]
    [InlineData(400, null, null, Completions, """{"model":"scripted","prompt":"Hi","temperature":NaN}""")]
    [InlineData(400, "user", null, Completions, """{"model":"scripted","prompt":"Hi","user":5}""")]
    [InlineData(400, null, null, Completions, "{")]
    [InlineData(400, null, null, Completions, "")]
    [InlineData(400, "messages", null, ChatCompletions, """{"model":"scripted","messages":[]}""")]
    [InlineData(400, "continue_final_message", null, ChatCompletions, """{"model":"scripted","messages":[{"role":"user","content":"Hi"}],"continue_final_message":true}""")]
    [InlineData(400, "messages[0].role", null, ChatCompletions, """{"model":"scripted","messages":[{"role":"wizard","content":"Hi"}]}""")]
    [InlineData(400, "messages", "context_length_exceeded", ChatCompletions, """{"model":"scripted","messages":[{"role":"user","content":"Hi"}],"max_tokens":512}""")]
    [InlineData(400, "n", null, ChatCompletions, """{"model":"scripted","messages":[{"role":"user","content":"Hi"}],"n":300,"stream":true}""")]
    [InlineData(400, "logit_bias", null, Completions, """{"model":"scripted","prompt":"Hi","logit_bias":{"99999999":1},"stream":true}""")]
    [InlineData(400, "stop_token_ids", null, Completions, """{"model":"scripted","prompt":"Hi","stop_token_ids":[99999999],"stream":true}""")]
    [InlineData(400, "logprobs", null, Completions, """{"model":"scripted","prompt":"Hi","max_tokens":-1,"n":128,"logprobs":20}""")]
    [InlineData(400, "prompt", "context_length_exceeded", Completions, """{"model":"scripted","prompt":["Hi","Ho"],"max_tokens":510,"n":2}""")]
    public async Task Post_BadRequest_IsRefusedByName(int status, string? parameter, string? code, string path, string body)
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);

        using HttpResponseMessage response = await app.PostAsync(path, body);

        await ErrorShape.AssertAsync(response, status, parameter, code);
        Assert.Equal(0, engine.Generations);
    }

    [Fact]
    public async Task Post_PromptLongerThanTheContext_IsRefused()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        string body = JsonSerializer.Serialize(new { model = ScriptedEngine.Name, prompt = string.Join(' ', Enumerable.Range(0, 600)) });

        using HttpResponseMessage response = await app.PostAsync(Completions, body);

        await ErrorShape.AssertAsync(response, 400, "prompt", "context_length_exceeded");
    }

    [Theory]
    [InlineData(50, false)]
    [InlineData(50, true)]
    [InlineData(11, true)]
    public async Task Post_LongBody_Is413AlsoWhenChunked(int megabytes, bool chunked)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        using var request = new HttpRequestMessage(HttpMethod.Post, Completions)
        {
            Content = new ByteArrayContent(new byte[megabytes << 20]) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } },
        };
        request.Headers.TransferEncodingChunked = chunked;

        using HttpResponseMessage response = await app.Client.SendAsync(request, Cancellation);

        await ErrorShape.AssertAsync(response, 413, null, "request_too_large");
        await AssertAliveAsync(app);
    }

    [Theory]
    [InlineData("/v1/models", 200)]
    [InlineData("/healthz", 200)]
    [InlineData("/v1/unknown", 404)]
    public async Task Head_Route_IsAnsweredAsGetWithoutABody(string path, int status)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        using HttpResponseMessage get = await app.Client.GetAsync(path, Cancellation);
        using var request = new HttpRequestMessage(HttpMethod.Head, path);

        using HttpResponseMessage head = await app.Client.SendAsync(request, Cancellation);

        Assert.Equal(status, (int)head.StatusCode);
        Assert.Equal(get.Content.Headers.ContentType, head.Content.Headers.ContentType);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync(Cancellation));
    }

    [Fact]
    public async Task Send_WrongMethod_IsToldWhichAreAllowed()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));

        using HttpResponseMessage response = await app.Client.DeleteAsync("/v1/models", Cancellation);

        await ErrorShape.AssertAsync(response, 405, null, "method_not_allowed");
        Assert.Equal(["GET", "HEAD"], response.Content.Headers.Allow.Order());
    }

    [Fact]
    public async Task Post_InvalidUtf8_IsRefused()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        byte[] body = [.. "{\"model\":\"scripted\",\"prompt\":\""u8, 0xC3, 0x28, .. "\"}"u8];
        using var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };

        using HttpResponseMessage response = await app.Client.PostAsync(Completions, content, Cancellation);

        await ErrorShape.AssertAsync(response, 400, null, null);
    }

    [Fact]
    public async Task Post_DeepNesting_IsRefused()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));

        using HttpResponseMessage response = await app.PostAsync(Completions, string.Concat(Enumerable.Repeat("{\"a\":", 100_000)));

        await ErrorShape.AssertAsync(response, 400, null, null);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/json; charset=utf-16")]
    public async Task Post_WrongContentType_Is415(string type)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        using var content = new StringContent("{}") { Headers = { ContentType = MediaTypeHeaderValue.Parse(type) } };

        using HttpResponseMessage response = await app.Client.PostAsync(Completions, content, Cancellation);

        await ErrorShape.AssertAsync(response, 415, null, "unsupported_media_type");
    }

    [Theory]
    [InlineData("GET", Completions, 405)]
    [InlineData("PUT", ChatCompletions, 405)]
    [InlineData("POST", "/v1/models", 405)]
    [InlineData("DELETE", "/healthz", 405)]
    [InlineData("GET", "/v1/unknown", 404)]
    [InlineData("POST", "/CompletionRequest", 404)]
    public async Task Send_WrongMethodOrRoute_IsAnErrorObject(string method, string path, int status)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        using var request = new HttpRequestMessage(new HttpMethod(method), path);

        using HttpResponseMessage response = await app.Client.SendAsync(request, Cancellation);

        await ErrorShape.AssertAsync(response, status, null, status == 404 ? "unknown_url" : "method_not_allowed");
    }

    [Fact]
    public async Task Send_NoHttp_DoesNotStopTheApp()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, app.Client.BaseAddress!.Port, Cancellation);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: nonsense\r\n\r\n"), Cancellation);

        using var reader = new StreamReader(client.GetStream());
        Assert.StartsWith("HTTP/1.1 400", await reader.ReadLineAsync(Cancellation), StringComparison.Ordinal);
        await AssertAliveAsync(app);
    }

    [Theory]
    [InlineData("")]
    [InlineData(""","stream":true""")]
    public async Task Post_TooManyWaitAlready_Is429AndSaysWhenToComeBack(string more)
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { IsBusy = true };
        await using TestApp app = await TestApp.StartAsync(engine);

        using HttpResponseMessage busy = await app.PostAsync(Completions, $$"""{"model":"scripted","prompt":"Hi"{{more}}}""");
        engine.IsBusy = false;
        using HttpResponseMessage later = await app.PostAsync(Completions, $$"""{"model":"scripted","prompt":"Hi"{{more}}}""");

        await ErrorShape.AssertAsync(busy, 429, null, "server_busy");
        Assert.InRange(busy.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60));
        Assert.Equal(HttpStatusCode.OK, later.StatusCode);
    }

    [Fact]
    public async Task Post_BeforeTheModelIsLoaded_Is503AndHealthTellsTheProgress()
    {
        var loader = new HeldLoader(new ScriptedEngine(Vocabulary.Tokenizer));
        await using TestApp app = await TestApp.StartLoadingAsync(loader, "Gemma2:StartupWaitSeconds=0");
        await loader.Begun;

        using HttpResponseMessage completion = await app.PostAsync(Completions, """{"model":"scripted","prompt":"Hi"}""");
        using HttpResponseMessage models = await app.Client.GetAsync("/v1/models", Cancellation);
        using HttpResponseMessage health = await app.Client.GetAsync("/healthz", Cancellation);
        using HttpResponseMessage root = await app.Client.GetAsync("/", Cancellation);

        await ErrorShape.AssertAsync(completion, 503, null, "model_loading");
        await ErrorShape.AssertAsync(models, 503, null, "model_loading");
        Assert.NotNull(completion.Headers.RetryAfter);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
        Assert.Equal("""{"status":"loading","stage":null,"bytes_loaded":10,"bytes_total":40}""", await health.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal(HttpStatusCode.OK, root.StatusCode);

        loader.Finish();
        await app.App.Services.GetRequiredService<ModelHost>().WaitForEngineAsync(Cancellation);
        await AssertAliveAsync(app);
        using HttpResponseMessage ready = await app.Client.GetAsync("/healthz", Cancellation);
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
    }

    [Fact]
    public async Task Post_UnexpectedFailure_Is500WithoutDetails()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { BeforeAnswer = _ => throw new InvalidDataException("secret detail") };
        await using TestApp app = await TestApp.StartAsync(engine);

        using HttpResponseMessage response = await app.PostAsync(Completions, """{"model":"scripted","prompt":"Hi"}""");

        await ErrorShape.AssertAsync(response, 500, null, null);
        Assert.DoesNotContain("secret", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_DeviceLost_Is500AndTheAppStopsWithAnExitCode()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { BeforeAnswer = _ => throw new DeviceException("The device was lost.") };
        await using TestApp app = await TestApp.StartAsync(engine);

        using HttpResponseMessage response = await app.PostAsync(Completions, """{"model":"scripted","prompt":"Hi"}""");

        await ErrorShape.AssertAsync(response, 500, null, "device_failed");
        await app.App.WaitForShutdownAsync(Cancellation);
        Assert.NotEqual(0, app.App.Services.GetRequiredService<FatalStop>().ExitCode);
    }

    [Fact]
    public async Task Load_Fails_TheAppStopsWithAnExitCode()
    {
        await using TestApp app = await TestApp.StartLoadingAsync(new FailingLoader());
        await app.App.WaitForShutdownAsync(Cancellation);
        Assert.NotEqual(0, app.App.Services.GetRequiredService<FatalStop>().ExitCode);
    }

    private static async Task AssertAliveAsync(TestApp app)
    {
        using HttpResponseMessage response = await app.PostAsync(Completions, """{"model":"scripted","prompt":"Hi"}""");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    private sealed class HeldLoader(IInferenceEngine engine) : IEngineLoader
    {
        private readonly TaskCompletionSource _begun = new();
        private readonly TaskCompletionSource _finish = new();

        public Task Begun => _begun.Task;

        public void Finish() => _finish.SetResult();

        public async Task<IInferenceEngine> LoadAsync(IProgress<LoadProgress> progress, CancellationToken cancellationToken)
        {
            progress.Report(new LoadProgress(10, 40));
            _begun.SetResult();
            await _finish.Task.WaitAsync(cancellationToken);
            return engine;
        }
    }

    private sealed class FailingLoader : IEngineLoader
    {
        public Task<IInferenceEngine> LoadAsync(IProgress<LoadProgress> progress, CancellationToken cancellationToken) =>
            throw new ModelException("nano/model.safetensors: hash mismatch.");
    }
}
