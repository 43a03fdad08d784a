using System.Text.Json;
using Gemma2.Backend.Config;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Tokenizers;

/// <summary>Reads a token as Hugging Face's files spell it: <c>{"content", "lstrip", "rstrip", "single_word", "normalized", "special"}</c>, or its text alone.</summary>
internal static class AddedTokenJson
{
    private const string Content = "content";

    /// <summary>Reads an object.</summary>
    /// <param name="value">The object.</param>
    /// <param name="id">The token's id.</param>
    /// <param name="file">The file's name, for messages.</param>
    /// <param name="key">Where the object stands in it, for messages.</param>
    /// <exception cref="ModelException">It is malformed.</exception>
    public static AddedToken Read(JsonElement value, int id, string file, string key)
    {
        if (value.ValueKind != JsonValueKind.Object) throw Error(value, file, key, "an object with content");
        bool isSpecial = Flag("special", byDefault: false);
        return new AddedToken(id, Text(value, file, key))
        {
            IsSpecial = isSpecial,
            IsNormalized = Flag("normalized", byDefault: !isSpecial),
            TakesSpaceBefore = Flag("lstrip", byDefault: false),
            TakesSpaceAfter = Flag("rstrip", byDefault: false),
            IsWholeWord = Flag("single_word", byDefault: false),
        };

        bool Flag(string name, bool byDefault) => !value.TryGetProperty(name, out JsonElement flag) ? byDefault : flag.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.Null => byDefault,
            _ => throw Error(flag, file, $"{key}.{name}", "true or false"),
        };
    }

    /// <summary>The text of a token that is written as an object or as text.</summary>
    /// <exception cref="ModelException">It has none.</exception>
    public static string Text(JsonElement value, string file, string key)
    {
        bool isObject = value.ValueKind == JsonValueKind.Object;
        JsonElement text = value;
        if (isObject && !value.TryGetProperty(Content, out text)) throw new ModelException($"{file}: {key} has no {Content}.");
        return text.ValueKind == JsonValueKind.String && text.GetString() is { Length: > 0 } content
            ? content
            : throw Error(text, file, isObject ? $"{key}.{Content}" : key, "a text that is not empty");
    }

    private static ModelException Error(JsonElement value, string file, string key, string allowed) =>
        new($"{file}: {key} is {ModelJson.Show(value)}; allowed is {allowed}.");
}
