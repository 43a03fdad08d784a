using System.Text.Json;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.Anthropic;

/// <summary>
/// Errors as Anthropic's clients read them: <c>{"type":"error","error":{"type","message"},"request_id"}</c>. Source: Claude API reference, "Errors".
/// </summary>
internal static class MessageErrors
{
    /// <summary>How they are written.</summary>
    public static ErrorShape Shape { get; } = new(Write) { RequestIdHeader = "request-id" };

    /// <summary>One in a stream.</summary>
    public static StreamEvent Event(ApiError error, string requestId) => new("error", json => Write(json, error, requestId));

    /// <summary>Writes one.</summary>
    public static void Write(Utf8JsonWriter json, ApiError error, string requestId)
    {
        json.WriteStartObject();
        json.WriteString("type", "error");
        json.WriteStartObject("error");
        json.WriteString("type", TypeOf(error.Status));
        json.WriteString("message", error.Message);
        json.WriteEndObject();
        json.WriteString("request_id", requestId);
        json.WriteEndObject();
    }

    private static string TypeOf(int status) => status switch
    {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 => "overloaded_error",
        504 => "timeout_error",
        >= 500 => "api_error",
        _ => "invalid_request_error",
    };
}
