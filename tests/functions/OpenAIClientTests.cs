using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using Gemma2.Service.Http;
using Gemma2.Service.Http.Streaming;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Models;

namespace Gemma2.Functions.Tests;

/// <summary>The official OpenAI client against the app: what it can read is right.</summary>
public sealed class OpenAIClientTests
{
    [Fact]
    public async Task CompleteChat_Plain_GivesTheAnswer()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { CachedTokens = 3 };
        await using TestApp app = await TestApp.StartAsync(engine);

        ChatCompletion completion = await app.OpenAIClient().GetChatClient(ScriptedEngine.Name)
            .CompleteChatAsync([new UserChatMessage("Hi")], new ChatCompletionOptions { Temperature = 0.5f, TopP = 0.5f, MaxOutputTokenCount = 50 }, TestContext.Current.CancellationToken);

        Assert.Equal(engine.Answer, completion.Content.Single().Text);
        Assert.Equal(ChatFinishReason.Stop, completion.FinishReason);
        Assert.Equal(ChatMessageRole.Assistant, completion.Role);
        Assert.Equal(ScriptedEngine.Name, completion.Model);
        Assert.StartsWith("chatcmpl-", completion.Id, StringComparison.Ordinal);
        Assert.StartsWith("fp_", completion.SystemFingerprint, StringComparison.Ordinal);
        Assert.Equal(engine.LastRequest!.PromptTokens.Count, completion.Usage.InputTokenCount);
        Assert.Equal(3, completion.Usage.InputTokenDetails.CachedTokenCount);
        Assert.Equal(Vocabulary.Tokenizer.Encode(engine.Answer).Length + 1, completion.Usage.OutputTokenCount);
        Assert.Equal((0.5, 0.5, 50), (engine.LastRequest.Sampling.Temperature, engine.LastRequest.Sampling.TopP, engine.LastRequest.MaxTokens));
        Assert.Equal(Vocabulary.Tokenizer.Bos, engine.LastRequest.PromptTokens[0]);
    }

    [Fact]
    public async Task CompleteChat_Streaming_GivesTheAnswerInPieces()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { Answer = "Grüße, 世界! 👋", CachedTokens = 5 };
        await using TestApp app = await TestApp.StartAsync(engine);

        var text = new List<string>();
        ChatFinishReason? finish = null;
        ChatTokenUsage? usage = null;
        ChatMessageRole? role = null;
        await foreach (StreamingChatCompletionUpdate update in app.OpenAIClient().GetChatClient(ScriptedEngine.Name)
            .CompleteChatStreamingAsync([new UserChatMessage("Hi")], cancellationToken: TestContext.Current.CancellationToken))
        {
            text.AddRange(update.ContentUpdate.Select(part => part.Text));
            finish ??= update.FinishReason;
            usage ??= update.Usage;
            role ??= update.Role;
        }

        Assert.Equal(engine.Answer, string.Concat(text));
        Assert.True(text.Count > 2, "The answer came in one piece.");
        Assert.Equal((ChatFinishReason.Stop, ChatMessageRole.Assistant), (finish, role));
        Assert.Equal(Vocabulary.Tokenizer.Encode(engine.Answer).Length + 1, usage!.OutputTokenCount);
        Assert.Equal(5, usage.InputTokenDetails.CachedTokenCount);
    }

    [Fact]
    public async Task CompleteChat_TokenLimit_FinishesWithLength()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer) { Answer = "one two three four five six seven" });

        ChatCompletion completion = await app.OpenAIClient().GetChatClient(ScriptedEngine.Name)
            .CompleteChatAsync([new UserChatMessage("Hi")], new ChatCompletionOptions { MaxOutputTokenCount = 2 }, TestContext.Current.CancellationToken);

        Assert.Equal((ChatFinishReason.Length, 2), (completion.FinishReason, completion.Usage.OutputTokenCount));
    }

    [Fact]
    public async Task CompleteChat_BadRequest_IsTheClientsException()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));

        ClientResultException error = await Assert.ThrowsAsync<ClientResultException>(() => app.OpenAIClient().GetChatClient("other")
            .CompleteChatAsync([new UserChatMessage("Hi")], cancellationToken: TestContext.Current.CancellationToken));

        Assert.Equal(404, error.Status);
        Assert.Contains("model_not_found", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GetModels_ReadyApp_ListsTheOne()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));

        OpenAIModelCollection models = await app.OpenAIClient().GetOpenAIModelClient().GetModelsAsync(TestContext.Current.CancellationToken);

        Assert.Equal(ScriptedEngine.Name, models.Single().Id);
    }

    [Fact]
    public async Task Complete_Plain_GivesTheAnswer()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);

        PipelineResponse response = await SendCompletionAsync(app, """{"model":"scripted","prompt":"Hi","seed":5}""", stream: false);

        JsonElement body = JsonElement.Parse(response.Content.ToMemory().Span);
        Assert.Equal("text_completion", body.GetProperty("object").GetString());
        Assert.Equal(engine.Answer, body.GetProperty("choices")[0].GetProperty("text").GetString());
        Assert.Equal("stop", body.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Equal([Vocabulary.Tokenizer.Bos, .. Vocabulary.Tokenizer.Encode("Hi")], engine.LastRequest!.PromptTokens);
        Assert.Equal((16, 5UL), (engine.LastRequest.MaxTokens, engine.LastRequest.Sampling.Seed));
    }

    [Fact]
    public async Task Complete_Streaming_GivesTheAnswerInPieces()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);

        PipelineResponse response = await SendCompletionAsync(app, """{"model":"scripted","prompt":"Hi","stream":true}""", stream: true);

        var text = new List<string>();
        await foreach (System.Net.ServerSentEvents.SseItem<string> item in
            System.Net.ServerSentEvents.SseParser.Create(response.ContentStream!).EnumerateAsync(TestContext.Current.CancellationToken))
            text.Add(item.Data == "[DONE]" ? item.Data : JsonElement.Parse(item.Data).GetProperty("choices")[0].GetProperty("text").GetString()!);
        Assert.Equal("[DONE]", text[^1]);
        Assert.Equal(engine.Answer, string.Concat(text[..^1]));
        Assert.True(text.Count > 3, "The answer came in one piece.");
    }

    /// <summary>The client has no typed call for this endpoint any more: its own pipeline sends the request.</summary>
    private static async Task<PipelineResponse> SendCompletionAsync(TestApp app, string json, bool stream)
    {
        OpenAIClient client = app.OpenAIClient();
        using PipelineMessage message = client.Pipeline.CreateMessage();
        message.BufferResponse = !stream;
        message.Request.Method = "POST";
        message.Request.Uri = new Uri(app.Client.BaseAddress!, "v1/completions");
        message.Request.Headers.Set("Content-Type", "application/json");
        message.Request.Content = BinaryContent.Create(BinaryData.FromString(json));
        message.Apply(new RequestOptions { CancellationToken = TestContext.Current.CancellationToken });
        await client.Pipeline.SendAsync(message);
        Assert.Equal(200, message.Response!.Status);
        return message.ExtractResponse()!;
    }
}
