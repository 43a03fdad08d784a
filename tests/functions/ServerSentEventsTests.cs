using System.Net.Http.Headers;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Text;
using Gemma2.Service.Http;
using Gemma2.Service.Http.Completions;
using Gemma2.Service.Http.Streaming;
using Microsoft.Extensions.DependencyInjection;

namespace Gemma2.Functions.Tests;

/// <summary>The stream's bytes: frames, heartbeats, errors, and what a client's absence does.</summary>
public sealed class ServerSentEventsTests
{
    private const string Chat = """{"model":"scripted","messages":[{"role":"user","content":"Hi"}],"seed":7,"stream":true,"stream_options":{"include_usage":true}}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Stream_Chat_IsFramedAsOpenAIDoes()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));

        using HttpResponseMessage response = await app.PostAsync("/v1/chat/completions", Chat);

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal("no", response.Headers.GetValues("X-Accel-Buffering").Single());
        Assert.Equal("7", response.Headers.GetValues(CompletionResponder.SeedHeader).Single());
        string[] frames = (await response.Content.ReadAsStringAsync(Cancellation)).Split("\n\n");
        Assert.Equal("", frames[^1]);
        Assert.Equal("data: [DONE]", frames[^2]);
        Assert.All(frames[..^1], frame => Assert.DoesNotContain('\n', frame));
        JsonElement[] chunks = [.. frames[..^2].Where(frame => !frame.StartsWith(':')).Select(frame => JsonElement.Parse(frame["data: ".Length..]))];
        Assert.All(chunks, chunk => Assert.Equal("chat.completion.chunk", chunk.GetProperty("object").GetString()));
        Assert.Equal("""{"role":"assistant","content":""}""", Choice(chunks[0]).GetProperty("delta").GetRawText());
        Assert.Equal(JsonValueKind.Null, Choice(chunks[0]).GetProperty("finish_reason").ValueKind);
        Assert.Equal("{}", Choice(chunks[^2]).GetProperty("delta").GetRawText());
        Assert.Equal("stop", Choice(chunks[^2]).GetProperty("finish_reason").GetString());
        Assert.All(chunks[..^1], chunk => Assert.Equal(JsonValueKind.Null, chunk.GetProperty("usage").ValueKind));
        Assert.Equal(0, chunks[^1].GetProperty("choices").GetArrayLength());
        Assert.True(chunks[^1].GetProperty("usage").GetProperty("total_tokens").GetInt32() > 0);
    }

    [Fact]
    public async Task Stream_NoUsageAsked_HasNoUsage()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));

        using HttpResponseMessage response = await app.PostAsync("/v1/completions", """{"model":"scripted","prompt":"Hi","stream":true}""");

        string stream = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.DoesNotContain("usage", stream, StringComparison.Ordinal);
        Assert.Contains("\"finish_reason\":\"stop\"", stream, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stream_WaitingForItsTurn_BeatsUntilTheAnswerComes()
    {
        var turn = new TaskCompletionSource();
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer) { BeforeAnswer = turn.Task.WaitAsync });

        using HttpResponseMessage response = await SendStreamingAsync(app, Chat, Cancellation);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancellation));
        for (int beats = 0; beats < 4;)
            beats += await reader.ReadLineAsync(Cancellation) == ": heartbeat" ? 1 : 0;
        turn.SetResult();

        Assert.EndsWith("data: [DONE]\n\n", await reader.ReadToEndAsync(Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stream_WaitingForItsTurn_HasSentItsHeadersAndNoMore()
    {
        var turn = new TaskCompletionSource();
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { BeforeAnswer = turn.Task.WaitAsync };
        await using TestApp app = await TestApp.StartAsync(engine, services => services.AddSingleton(new StreamOptions { FirstHeartbeat = TimeSpan.FromHours(1) }));
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = Json("""{"model":"scripted","prompt":"Hi","stream":true}""") };

        // Comes back when the headers are there.
        using HttpResponseMessage response = await app.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        turn.SetResult();

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        Assert.StartsWith("data: {", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stream_ClientGoes_CancelsTheGeneration()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { BeforeEnd = token => Task.Delay(Timeout.Infinite, token) };
        await using TestApp app = await TestApp.StartAsync(engine);

        using (HttpResponseMessage response = await SendStreamingAsync(app, Chat, Cancellation))
        using (var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancellation)))
            while (!(await reader.ReadLineAsync(Cancellation))!.Contains("\"delta\":{\"content\"", StringComparison.Ordinal))
                Assert.False(engine.Cancelled.IsCompleted);

        await engine.Cancelled.WaitAsync(Cancellation);
    }

    [Fact]
    public async Task Plain_ClientGoes_CancelsTheGeneration()
    {
        var begun = new TaskCompletionSource();
        var engine = new ScriptedEngine(Vocabulary.Tokenizer)
        {
            BeforeAnswer = token =>
            {
                begun.SetResult();
                return Task.Delay(Timeout.Infinite, token);
            },
        };
        await using TestApp app = await TestApp.StartAsync(engine);
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);

        Task<HttpResponseMessage> response = app.Client.PostAsync("/v1/completions", Json("""{"model":"scripted","prompt":"Hi"}"""), leave.Token);
        await begun.Task.WaitAsync(Cancellation);
        await leave.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => response);
        await engine.Cancelled.WaitAsync(Cancellation);
    }

    [Fact]
    public async Task Stream_SequenceFails_EndsWithAnErrorEvent()
    {
        await using TestApp app = await TestApp.StartAsync(
            new ScriptedEngine(Vocabulary.Tokenizer) { BeforeEnd = _ => throw new GenerationException("The logits are not finite.") });

        using HttpResponseMessage response = await app.PostAsync("/v1/chat/completions", Chat);

        string[] frames = (await response.Content.ReadAsStringAsync(Cancellation)).TrimEnd().Split("\n\n");
        Assert.Contains("\"delta\":{\"content\"", string.Concat(frames), StringComparison.Ordinal);
        JsonElement error = JsonElement.Parse(frames[^1]["data: ".Length..]).GetProperty("error");
        Assert.Equal("The logits are not finite.", error.GetProperty("message").GetString());
        Assert.Equal("generation_failed", error.GetProperty("code").GetString());
    }

    private static JsonElement Choice(JsonElement chunk) => chunk.GetProperty("choices")[0];

    private static StringContent Json(string text) => new(text, new MediaTypeHeaderValue("application/json"));

    private static Task<HttpResponseMessage> SendStreamingAsync(TestApp app, string json, CancellationToken cancellationToken) => app.Client.SendAsync(
        new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = Json(json) }, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
}
