using System.Text.Json;
using Gemma2.Backend.Engine;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Dialects.OpenAI;
using Gemma2.Service.Model;

namespace Gemma2.Service.Http.Completions;

/// <summary>Answers requests that nobody made: all that a completion goes through runs once before the first client waits for it.</summary>
internal sealed class FirstAnswers(CompletionFactory factory) : IWarmUp
{
    /// <summary>So that there is a step that reads a prompt, and one after it.</summary>
    private const int Tokens = 2;

    /// <summary>A shorter context has hardly room for an answer.</summary>
    private const int ShortestContext = 16;

    /// <inheritdoc/>
    public Task WarmUpAsync(IInferenceEngine engine, int promptTokens, CancellationToken cancellationToken) => engine.ContextLength < ShortestContext ? Task.CompletedTask : Task.WhenAll(
        AnswerAsync(engine, json => WriteTokens(json, engine, promptTokens), stream: false, cancellationToken),
        AnswerAsync(engine, json => json.WriteStringValue("a"), stream: true, cancellationToken));

    private async Task AnswerAsync(IInferenceEngine engine, Action<Utf8JsonWriter> writePrompt, bool stream, CancellationToken cancellationToken)
    {
        using JsonDocument body = JsonDocument.Parse(Body(engine, writePrompt, stream));
        CompletionRequest request = CompletionRequestParser.ParseText(body.RootElement);
        Completion completion = await factory.CreateAsync(engine, request, "warm-up", DateTimeOffset.UtcNow, seed: 0, request.Class, cancellationToken);
        completion.EnsureRoom();
        if (stream)
            await TellPartsAsync(completion, cancellationToken);
        else
            await TellWholeAsync(completion, cancellationToken);
    }

    private static void WriteTokens(Utf8JsonWriter json, IInferenceEngine engine, int count)
    {
        json.WriteStartArray();
        for (int i = 0; i < Math.Clamp(count, 1, engine.ContextLength - Tokens); i++)
            json.WriteNumberValue(engine.Config.BeginToken);
        json.WriteEndArray();
    }

    private static ReadOnlyMemory<byte> Body(IInferenceEngine engine, Action<Utf8JsonWriter> writePrompt, bool stream) => JsonBody.ToUtf8(json =>
    {
        json.WriteStartObject();
        json.WriteString("model", engine.ModelName);
        json.WritePropertyName("prompt");
        writePrompt(json);
        json.WriteNumber("max_tokens", Tokens);
        json.WriteBoolean("ignore_eos", true);
        json.WriteBoolean("stream", stream);
        json.WriteEndObject();
    });

    private static async Task TellWholeAsync(Completion completion, CancellationToken cancellationToken)
    {
        CompletionResult result = await completion.RunAsync(cancellationToken);
        _ = JsonBody.ToUtf8(json => CompletionWriter.Instance.WriteBody(json, completion, result));
    }

    private static async Task TellPartsAsync(Completion completion, CancellationToken cancellationToken)
    {
        var result = new CompletionResult(completion);
        IAnswerEvents events = CompletionWriter.Instance.Stream(completion);
        _ = events.Begin().Count();
        await foreach (AnswerPart part in completion.StreamAsync(cancellationToken))
        {
            result.Add(part);
            _ = events.Read(part).Count();
        }
        _ = events.End(result).Count();
    }
}
