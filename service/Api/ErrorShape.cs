using System.Text.Json;

namespace Gemma2.Service.Api;

/// <summary>How an API writes its errors. Routes carry theirs as metadata; OpenAI's is that of all others.</summary>
/// <param name="Write">Writes the whole body.</param>
internal sealed record ErrorShape(Action<Utf8JsonWriter, ApiError> Write)
{
    /// <summary><c>{"error":{"message","type","param","code"}}</c>.</summary>
    public static ErrorShape OpenAI { get; } = new((json, error) => error.Write(json));
}
