using System.Text.Json;

namespace Gemma2.Backend.Config;

/// <summary>Reads the JSON objects of a model's files, which may hold anything: whatever is wrong becomes a <see cref="ModelException"/>.</summary>
internal static class ModelJson
{
    private const int LongestShown = 100;

    /// <summary>Parses a file's JSON object and reads it.</summary>
    /// <param name="json">The file's bytes.</param>
    /// <param name="file">The file's name, for messages.</param>
    /// <param name="maxDepth">How deep objects and arrays may be nested.</param>
    /// <param name="read">Makes the result of the object.</param>
    /// <exception cref="ModelException">It is not JSON, not an object, nested too deep, has a key twice or text that is not Unicode.</exception>
    public static T Read<T>(ReadOnlyMemory<byte> json, string file, int maxDepth, Func<JsonElement, T> read)
    {
        try
        {
            // Some editors mark UTF-8 so.
            if (json.Span.StartsWith("\uFEFF"u8)) json = json[3..];
            using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = maxDepth, AllowDuplicateProperties = false });
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? read(document.RootElement)
                : throw new ModelException($"{file}: must be a JSON object, not {Show(document.RootElement)}.");
        }
        catch (JsonException error)
        {
            throw new ModelException($"{file}: is not usable JSON: {Show(error.Message)}", error);
        }
        catch (InvalidOperationException error)
        {
            // All kinds are checked before they are read: what is left is text that has no Unicode form, such as half a surrogate pair.
            throw new ModelException($"{file}: holds text that is not Unicode.", error);
        }
    }

    /// <summary>A value from a file as a message may show it: one short line.</summary>
    public static string Show(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        _ => Show(value.GetRawText()),
    };

    /// <summary>Text from a file as a message may show it: one short line.</summary>
    public static string Show(string text)
    {
        string shown = text.Length <= LongestShown ? text : string.Concat(text.AsSpan(0, LongestShown), "...");
        return string.Concat(shown.Select(character => char.IsControl(character) || character is '\u2028' or '\u2029' ? '?' : character));
    }
}
