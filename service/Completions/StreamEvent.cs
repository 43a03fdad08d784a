using System.Text.Json;

namespace Gemma2.Service.Completions;

/// <summary>One server-sent event.</summary>
/// <param name="Name">What kind of event it is, where the API names them.</param>
/// <param name="Write">Writes its JSON document; null for OpenAI's mark of a complete stream, which is none.</param>
internal readonly record struct StreamEvent(string? Name, Action<Utf8JsonWriter>? Write)
{
    /// <summary>OpenAI's mark of a complete stream.</summary>
    public static StreamEvent Done => new(null, null);

    /// <summary>An event without a name.</summary>
    public static StreamEvent Unnamed(Action<Utf8JsonWriter> write) => new(null, write);
}
