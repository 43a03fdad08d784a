using System.Text.Json;

namespace Gemma2.Service.Api;

/// <summary>How an API writes its errors.</summary>
/// <param name="Write">Writes the whole body; the text is the request's id.</param>
internal sealed record ErrorShape(Action<Utf8JsonWriter, ApiError, string> Write)
{
    /// <summary><c>{"error":{"message","type","param","code"}}</c>.</summary>
    public static ErrorShape OpenAI { get; } = new((json, error, _) => error.Write(json));

    /// <summary>The header in which all answers of the API carry the request's id, where it has one of its own.</summary>
    public string? RequestIdHeader { get; init; }
}
