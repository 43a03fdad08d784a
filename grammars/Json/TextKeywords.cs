using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Json;

/// <summary>Keywords for strings: <c>pattern</c>, <c>minLength</c>, <c>maxLength</c>, <c>format</c>.</summary>
internal static class TextKeywords
{
    /// <summary>The keywords.</summary>
    public static IReadOnlyList<KeyValuePair<string, Keyword>> All { get; } =
    [
        new("pattern", (value, reader) => reader.Formulas.Text(Pattern(value, SchemaReader.Text(value), reader))),
        new("minLength", (value, reader) => reader.Formulas.Text(reader.Regexes.Repeat(reader.Regexes.AnyChar, SchemaReader.Count(value), null))),
        new("maxLength", (value, reader) => reader.Formulas.Text(reader.Regexes.Repeat(reader.Regexes.AnyChar, 0, SchemaReader.Count(value)))),
        new("format", Format),
    ];

    /// <summary>The texts in which a pattern matches somewhere.</summary>
    public static Regex Pattern(SchemaLocation place, string pattern, SchemaReader reader)
    {
        try
        {
            return EcmaRegex.Parse(pattern, reader.Regexes, anchored: false);
        }
        catch (GrammarException error) when (error.Path.Length == 0)
        {
            throw place.Error(error.Message);
        }
    }

    private static Formula Format(SchemaLocation value, SchemaReader reader)
    {
        string name = SchemaReader.Text(value);
        if (TextFormats.Unsupported.Contains(name)) throw value.Error($"The format '{name}' is not supported: it is no regular language.");
        return TextFormats.Patterns.TryGetValue(name, out string? pattern)
            ? reader.Formulas.Text(EcmaRegex.Parse(pattern, reader.Regexes, anchored: true))
            : reader.Formulas.True;
    }
}
