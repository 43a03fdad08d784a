using System.Text.Json;
using Gemma2.Backend.Engine;
using Gemma2.Grammars.Tools;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.Anthropic;

/// <summary>Answers in Anthropic's shapes. Source: Claude API reference, "Create a Message", and Claude docs, "Streaming messages".</summary>
/// <param name="json">Where to write.</param>
/// <param name="completion">What was asked.</param>
internal readonly struct MessageJson(Utf8JsonWriter json, Completion completion)
{
    // Schemas may be deep, and so may what fits them.
    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = 1000 };

    /// <summary>The whole answer.</summary>
    public void WriteMessage(CompletionResult result)
    {
        Choice choice = result.Choices[0];
        ToolAnswer said = completion.Request.Tools is null ? new ToolAnswer(choice.Text, []) : ToolAnswer.Of(choice.Text);
        WriteHead();
        json.WriteStartArray("content");
        if (said.Reply is { Length: > 0 } text)
            WriteTextBlock(text);
        foreach ((int index, ToolCall call) in said.Calls.Index())
            WriteCallBlock(index, call.Name, call.Arguments);
        json.WriteEndArray();
        WriteStop(result, hasCalls: said.Calls.Count > 0);
        WriteUsage(result.PromptTokens, result.CachedTokens, result.CompletionTokens);
        json.WriteEndObject();
    }

    /// <summary><c>message_start</c>: the message without its content.</summary>
    public void WriteStart(int cachedTokens)
    {
        WriteStartOf("message_start");
        json.WritePropertyName("message");
        WriteHead();
        json.WriteStartArray("content");
        json.WriteEndArray();
        json.WriteNull("stop_reason");
        json.WriteNull("stop_sequence");
        WriteUsage(completion.PromptTokens, cachedTokens, 0);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary><c>content_block_start</c> of a text.</summary>
    public void WriteTextStart(int block)
    {
        WriteBlockStart(block);
        WriteTextBlock("");
        json.WriteEndObject();
    }

    /// <summary><c>content_block_start</c> of a call.</summary>
    public void WriteCallStart(int block, ToolDelta.CallStart call)
    {
        WriteBlockStart(block);
        WriteCallBlock(call.Index, call.Name, "{}");
        json.WriteEndObject();
    }

    /// <summary><c>content_block_delta</c>.</summary>
    /// <param name="block">The block.</param>
    /// <param name="type">What it adds: <c>text_delta</c> or <c>input_json_delta</c>.</param>
    /// <param name="field">What holds it.</param>
    /// <param name="text">It.</param>
    public void WriteDelta(int block, string type, string field, string text)
    {
        WriteStartOf("content_block_delta");
        json.WriteNumber("index", block);
        json.WriteStartObject("delta");
        json.WriteString("type", type);
        json.WriteString(field, text);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary><c>content_block_stop</c>.</summary>
    public void WriteBlockStop(int block)
    {
        WriteStartOf("content_block_stop");
        json.WriteNumber("index", block);
        json.WriteEndObject();
    }

    /// <summary><c>message_delta</c>: why the answer ended, and what it took in all.</summary>
    public void WriteEnd(CompletionResult result, bool hasCalls)
    {
        WriteStartOf("message_delta");
        json.WriteStartObject("delta");
        WriteStop(result, hasCalls);
        json.WriteEndObject();
        WriteUsage(result.PromptTokens, result.CachedTokens, result.CompletionTokens);
        json.WriteEndObject();
    }

    /// <summary><c>message_stop</c>.</summary>
    public void WriteStop()
    {
        WriteStartOf("message_stop");
        json.WriteEndObject();
    }

    private void WriteStartOf(string type)
    {
        json.WriteStartObject();
        json.WriteString("type", type);
    }

    private void WriteHead()
    {
        json.WriteStartObject();
        json.WriteString("id", $"msg_{completion.Id}");
        json.WriteString("type", "message");
        json.WriteString("role", "assistant");
        json.WriteString("model", completion.Request.Model);
    }

    private void WriteBlockStart(int block)
    {
        WriteStartOf("content_block_start");
        json.WriteNumber("index", block);
        json.WritePropertyName("content_block");
    }

    private void WriteTextBlock(string text)
    {
        json.WriteStartObject();
        json.WriteString("type", "text");
        json.WriteString("text", text);
        json.WriteEndObject();
    }

    /// <summary>A call. Arguments that were cut are no JSON: then there are none, and <c>stop_reason</c> tells why.</summary>
    private void WriteCallBlock(int index, string name, string arguments)
    {
        json.WriteStartObject();
        json.WriteString("type", "tool_use");
        json.WriteString("id", $"toolu_{completion.Id}_{index}");
        json.WriteString("name", name);
        json.WritePropertyName("input");
        json.WriteRawValue(IsJson(arguments) ? arguments : "{}");
        json.WriteStartObject("caller");
        json.WriteString("type", "direct");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static bool IsJson(string text)
    {
        try
        {
            using var _ = JsonDocument.Parse(text, Deep);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private void WriteStop(CompletionResult result, bool hasCalls)
    {
        Choice choice = result.Choices[0];
        json.WriteString("stop_reason", choice.Finish == FinishReason.Length ? CutBy(result) : hasCalls ? "tool_use" : choice.StopText is null ? "end_turn" : "stop_sequence");
        json.WriteString("stop_sequence", choice.StopText);
    }

    private string CutBy(CompletionResult result) => result.CompletionTokens < completion.Request.MaxTokens ? "model_context_window_exceeded" : "max_tokens";

    /// <summary>Tokens of the prompt that were cached are counted by themselves, not among the others; what is put into the cache costs no more than what is not.</summary>
    private void WriteUsage(int promptTokens, int cachedTokens, int newTokens)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("input_tokens", promptTokens - cachedTokens);
        json.WriteNumber("cache_creation_input_tokens", 0);
        json.WriteNumber("cache_read_input_tokens", cachedTokens);
        json.WriteNumber("output_tokens", newTokens);
        json.WriteString("service_tier", "standard");
        json.WriteEndObject();
    }
}
