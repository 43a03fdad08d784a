using System.Text.Json;
using Gemma2.Backend.Config;

namespace Gemma2.Backend.Formats.Tokenizers;

/// <summary>Walks through objects too large to be kept as such.</summary>
internal static class TokenizerJsonReader
{
    /// <summary>Requires that the reader stands at an object.</summary>
    /// <exception cref="ModelException">It does not.</exception>
    public static void RequireObject(ref Utf8JsonReader reader, string file, string key)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw new ModelException($"{file}: {key} must be a JSON object.");
    }

    /// <summary>Goes to the value of an object's next key.</summary>
    /// <returns>Null at the object's end.</returns>
    /// <exception cref="ModelException">The key was there before.</exception>
    public static string? NextKey(ref Utf8JsonReader reader, HashSet<string> seen, string file)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.EndObject) return null;
        string key = reader.GetString()!;
        reader.Read();
        return seen.Add(key) ? key : throw new ModelException($"{file}: has the key {ModelJson.Show(key)} twice.");
    }
}
