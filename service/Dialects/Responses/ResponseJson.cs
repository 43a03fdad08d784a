using System.Text.Json;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Dialects.OpenAI;

namespace Gemma2.Service.Dialects.Responses;

/// <summary>The response object. Source: OpenAI API reference, "The response object".</summary>
/// <param name="request">What was asked.</param>
/// <param name="completion">What is generated.</param>
/// <param name="isKept">Whether the response can be had later.</param>
internal sealed class ResponseJson(ResponsesRequest request, Completion completion, bool isKept)
{
    /// <summary>What ids of responses begin with.</summary>
    public const string Prefix = "resp_";

    /// <summary>The response's id.</summary>
    public string Id => Prefix + completion.Id;

    /// <summary>A response that is being made.</summary>
    public void WriteBegun(Utf8JsonWriter json) => Write(json, Item.InProgress, null, null, WriteNothing, null);

    /// <summary>A response that has failed.</summary>
    public void WriteFailed(Utf8JsonWriter json, ApiError error) => Write(json, "failed", null, error, WriteNothing, null);

    /// <summary>A whole response, or one that its limit cut.</summary>
    /// <param name="json">Where to write.</param>
    /// <param name="result">What was generated.</param>
    /// <param name="completedAt">When; null where that is not told, so that a second run gives the same bytes. Then neither is what was cached.</param>
    public void WriteEnded(Utf8JsonWriter json, CompletionResult result, DateTimeOffset? completedAt)
    {
        var output = new ResponseOutput(completion);
        Write(json, ResponseOutput.StatusOf(result), completedAt, null, () => output.Write(json, result), () => WriteUsage(json, result, tellsCached: completedAt is not null));
    }

    private void Write(Utf8JsonWriter json, string status, DateTimeOffset? completedAt, ApiError? error, Action writeOutput, Action? writeUsage)
    {
        json.WriteStartObject();
        json.WriteString("id", Id);
        json.WriteString("object", "response");
        json.WriteNumber("created_at", completion.Created.ToUnixTimeSeconds());
        json.WriteString("status", status);
        json.WriteBoolean("background", false);
        WriteNumberOrNull(json, "completed_at", status == Item.Completed ? completedAt?.ToUnixTimeSeconds() : null);
        json.WritePropertyName("error");
        WriteError(json, error);
        json.WritePropertyName("incomplete_details");
        WriteIncomplete(json, status == Item.Incomplete);
        json.WriteString("instructions", request.Instructions);
        WriteNumberOrNull(json, "max_output_tokens", request.Completion.MaxTokens);
        WriteNumberOrNull(json, "max_tool_calls", request.MaxToolCalls);
        json.WriteString("model", request.Completion.Model);
        json.WriteStartArray("output");
        writeOutput();
        json.WriteEndArray();
        WriteSettings(json);
        json.WritePropertyName("usage");
        if (writeUsage is null)
            json.WriteNullValue();
        else
            writeUsage();
        json.WriteString("user", request.User);
        WriteMetadata(json);
        json.WriteEndObject();
    }

    /// <summary>What the request asked for.</summary>
    private void WriteSettings(Utf8JsonWriter json)
    {
        json.WriteBoolean("parallel_tool_calls", request.Tools.IsParallel);
        json.WriteString("previous_response_id", request.PreviousId);
        json.WriteString("prompt_cache_key", request.PromptCacheKey);
        json.WriteString("prompt_cache_retention", request.PromptCacheRetention);
        json.WriteStartObject("reasoning");
        json.WriteNull("effort");
        json.WriteNull("summary");
        json.WriteEndObject();
        json.WriteString("safety_identifier", request.SafetyIdentifier);
        json.WriteString(ServiceTier.Field, ServiceTier.NameOf(completion.Class));
        json.WriteBoolean("store", isKept);
        json.WriteNumber("temperature", completion.Sampling.Temperature);
        json.WriteStartObject("text");
        json.WritePropertyName("format");
        json.WriteRawValue(request.Format);
        json.WriteString("verbosity", "medium");
        json.WriteEndObject();
        json.WritePropertyName("tool_choice");
        json.WriteRawValue(request.Tools.Choice);
        json.WriteStartArray("tools");
        foreach (string tool in request.Tools.Tools)
            json.WriteRawValue(tool);
        json.WriteEndArray();
        json.WriteNumber("top_logprobs", request.TopLogProbabilities);
        json.WriteNumber("top_p", request.TopP ?? completion.Sampling.TopP);
        json.WriteString("truncation", request.Completion.Truncates ? "auto" : "disabled");
    }

    private void WriteMetadata(Utf8JsonWriter json)
    {
        json.WriteStartObject("metadata");
        foreach ((string name, string text) in request.Metadata)
            json.WriteString(name, text);
        json.WriteEndObject();
    }

    /// <summary>OpenAI has its own few codes here.</summary>
    private static void WriteError(Utf8JsonWriter json, ApiError? error)
    {
        if (error is null)
        {
            json.WriteNullValue();
            return;
        }
        json.WriteStartObject();
        json.WriteString("code", error.Status switch { 429 => "rate_limit_exceeded", < 500 => "invalid_prompt", _ => "server_error" });
        json.WriteString("message", error.Message);
        json.WriteEndObject();
    }

    private static void WriteIncomplete(Utf8JsonWriter json, bool isIncomplete)
    {
        if (!isIncomplete)
        {
            json.WriteNullValue();
            return;
        }
        json.WriteStartObject();
        json.WriteString("reason", "max_output_tokens");
        json.WriteEndObject();
    }

    private static void WriteUsage(Utf8JsonWriter json, CompletionResult result, bool tellsCached)
    {
        json.WriteStartObject();
        json.WriteNumber("input_tokens", result.PromptTokens);
        json.WriteStartObject("input_tokens_details");
        json.WriteNumber("cached_tokens", tellsCached ? result.CachedTokens : 0);
        json.WriteEndObject();
        json.WriteNumber("output_tokens", result.CompletionTokens);
        json.WriteStartObject("output_tokens_details");
        json.WriteNumber("reasoning_tokens", 0);
        json.WriteEndObject();
        json.WriteNumber("total_tokens", result.PromptTokens + result.CompletionTokens);
        json.WriteEndObject();
    }

    private static void WriteNumberOrNull(Utf8JsonWriter json, string name, long? value)
    {
        if (value is { } number)
            json.WriteNumber(name, number);
        else
            json.WriteNull(name);
    }

    private static void WriteNothing()
    {
    }
}
