using System.Text.Json;
using Gemma2.Backend.Engine;
using Gemma2.Grammars.Tools;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.OpenAI;

/// <summary>
/// Answers in OpenAI's shapes: <c>chat.completion</c>, <c>chat.completion.chunk</c> and <c>text_completion</c>.
/// Source: OpenAI API reference, "Chat" and "Completions (legacy)".
/// </summary>
internal static class CompletionJson
{
    /// <summary>The whole answer.</summary>
    /// <param name="json">Where to write.</param>
    /// <param name="completion">What was asked.</param>
    /// <param name="result">What came of it.</param>
    /// <param name="tellsCached">Whether it says how much of the prompt was cached. What is stored does not: a second run shall give the same bytes.</param>
    public static void WriteBody(Utf8JsonWriter json, Completion completion, CompletionResult result, bool tellsCached = false)
    {
        WriteHead(json, completion, completion.IsChat ? "chat.completion" : "text_completion");
        json.WriteStartArray("choices");
        foreach ((int index, Choice choice) in result.Choices.Index())
        {
            ToolAnswer? said = completion.Request.Tools is null ? null : ToolAnswer.Of(choice.Text);
            string? finish = FinishOf(choice.Finish, hasCalls: said is { Calls.Count: > 0 });
            if (said is not null)
                WriteChoice(json, completion, index, choice.Tokens, finish, () => new ToolJson(json, completion, index).WriteMessage(said));
            else if (completion.IsChat)
                WriteChoice(json, completion, index, choice.Tokens, finish, () => WriteMessage(json, "message", "assistant", choice.Text));
            else
                WriteChoice(json, completion, index, choice.Tokens, finish, () => json.WriteString("text", choice.Text));
        }
        json.WriteEndArray();
        WriteUsage(json, result, tellsCached);
        json.WriteEndObject();
    }

    /// <summary>The first event of a choice in a chat's stream: who speaks.</summary>
    public static void WriteRoleChunk(Utf8JsonWriter json, Completion completion, int index) =>
        WriteChunk(json, completion, index, [], null, () => WriteMessage(json, "delta", "assistant", ""));

    /// <summary>An event with new text.</summary>
    public static void WriteTextChunk(Utf8JsonWriter json, Completion completion, AnswerPart part) =>
        WriteChunk(json, completion, part.Answer, part.Tokens, null, completion.IsChat
            ? () => WriteMessage(json, "delta", null, part.Text)
            : () => json.WriteString("text", part.Text));

    /// <summary>An event of a chat with functions: a piece of a reply, a call that begins, or a piece of its arguments.</summary>
    public static void WriteToolChunk(Utf8JsonWriter json, Completion completion, int index, IReadOnlyList<ToldToken> tokens, ToolDelta delta) =>
        WriteChunk(json, completion, index, tokens, null, () => new ToolJson(json, completion, index).WriteDelta(delta));

    /// <summary>The event that says why an answer ended, with the tokens that have no text.</summary>
    public static void WriteFinishChunk(
        Utf8JsonWriter json, Completion completion, int index, IReadOnlyList<ToldToken> tokens, FinishReason finish, bool hasCalls = false) =>
        WriteChunk(json, completion, index, tokens, FinishOf(finish, hasCalls), completion.IsChat
            ? () => WriteMessage(json, "delta", null, null)
            : () => json.WriteString("text", ""));

    /// <summary>The last event, where the request asks for it: no choice, but the count of tokens.</summary>
    public static void WriteUsageChunk(Utf8JsonWriter json, Completion completion, CompletionResult result)
    {
        WriteChunkHead(json, completion);
        json.WriteStartArray("choices");
        json.WriteEndArray();
        WriteUsage(json, result, tellsCached: true);
        json.WriteEndObject();
    }

    private static void WriteChunk(
        Utf8JsonWriter json, Completion completion, int index, IReadOnlyList<ToldToken> tokens, string? finish, Action writeContent)
    {
        WriteChunkHead(json, completion);
        json.WriteStartArray("choices");
        WriteChoice(json, completion, index, tokens, finish, writeContent);
        json.WriteEndArray();
        if (completion.Request.IncludeUsage)
            json.WriteNull("usage");
        json.WriteEndObject();
    }

    private static void WriteChunkHead(Utf8JsonWriter json, Completion completion) =>
        WriteHead(json, completion, completion.IsChat ? "chat.completion.chunk" : "text_completion");

    private static void WriteHead(Utf8JsonWriter json, Completion completion, string type)
    {
        json.WriteStartObject();
        json.WriteString("id", (completion.IsChat ? "chatcmpl-" : "cmpl-") + completion.Id);
        json.WriteString("object", type);
        json.WriteNumber("created", completion.Created.ToUnixTimeSeconds());
        json.WriteString("model", completion.Request.Model);
        json.WriteString("system_fingerprint", completion.Fingerprint);
        if (completion.Request.TellsClass)
            json.WriteString(ServiceTier.Field, ServiceTier.NameOf(completion.Class));
    }

    private static void WriteChoice(
        Utf8JsonWriter json, Completion completion, int index, IReadOnlyList<ToldToken> tokens, string? finish, Action writeContent)
    {
        json.WriteStartObject();
        json.WriteNumber("index", index);
        writeContent();
        json.WritePropertyName("logprobs");
        WriteLogProbabilities(json, completion, tokens);
        json.WriteString("finish_reason", finish);
        json.WriteEndObject();
    }

    private static string FinishOf(FinishReason finish, bool hasCalls) => finish == FinishReason.Length ? "length" : hasCalls ? "tool_calls" : "stop";

    /// <summary>Null where none are wanted, and in events that have no token to tell of.</summary>
    private static void WriteLogProbabilities(Utf8JsonWriter json, Completion completion, IReadOnlyList<ToldToken> tokens)
    {
        var writer = new LogProbabilityJson(json, completion.Engine.Tokenizer!);
        if (completion.Request.Sampling.LogProbabilities is null || (completion.Request.Stream && tokens.Count == 0))
            json.WriteNullValue();
        else if (completion.IsChat)
            writer.WriteChat(tokens);
        else
            writer.WriteText(tokens);
    }

    private static void WriteMessage(Utf8JsonWriter json, string name, string? role, string? content)
    {
        json.WriteStartObject(name);
        if (role is not null)
            json.WriteString("role", role);
        if (content is not null)
            json.WriteString("content", content);
        json.WriteEndObject();
    }

    private static void WriteUsage(Utf8JsonWriter json, CompletionResult result, bool tellsCached)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", result.PromptTokens);
        json.WriteNumber("completion_tokens", result.CompletionTokens);
        json.WriteNumber("total_tokens", result.PromptTokens + result.CompletionTokens);
        if (tellsCached)
        {
            json.WriteStartObject("prompt_tokens_details");
            json.WriteNumber("cached_tokens", result.CachedTokens);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }
}
