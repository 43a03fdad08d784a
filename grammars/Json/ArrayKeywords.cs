using System.Text.Json;

namespace Gemma2.Grammars.Json;

/// <summary>
/// Keywords for lists: <c>items</c>, <c>prefixItems</c>, <c>additionalItems</c>, <c>minItems</c>, <c>maxItems</c>, <c>contains</c>, <c>minContains</c>, <c>maxContains</c>,
/// <c>uniqueItems</c>.
/// </summary>
internal static class ArrayKeywords
{
    /// <summary>The keywords.</summary>
    public static IReadOnlyList<KeyValuePair<string, Keyword>> All { get; } =
    [
        new("prefixItems", Items),
        new("items", Items),
        new("additionalItems", (value, reader) => reader.Formulas.True),
        new("minItems", (value, reader) => reader.Formulas.ItemCount(SchemaReader.Count(value), null)),
        new("maxItems", (value, reader) => reader.Formulas.ItemCount(0, SchemaReader.Count(value))),
        new("contains", Contains),
        new("uniqueItems", (value, reader) => SchemaReader.Flag(value) ? reader.Formulas.Unique(value) : reader.Formulas.True),
        new("unevaluatedItems", UnevaluatedItems),
    ];

    // Lists of schemas for the first items are 'prefixItems' with 'items' for the rest since 2020-12, 'items' with 'additionalItems' before.
    private static Formula Items(SchemaLocation value, SchemaReader reader)
    {
        if (!SchemaReader.IsFirst(value, "prefixItems", "items")) return reader.Formulas.True;
        SchemaLocation schema = value.Parent!;
        SchemaLocation? first = schema["prefixItems"] ?? (schema["items"]!.IsArray ? schema["items"] : null);
        SchemaLocation? rest = first?.Name == "items" ? schema["additionalItems"] : schema["items"];
        IReadOnlyList<Formula> prefix = first is null || (first.IsArray && first.Children.Count == 0) ? [] : reader.InnerList(first);
        return reader.Formulas.Items(new(prefix, rest is null ? reader.Formulas.True : reader.Inner(rest)));
    }

    private static Formula Contains(SchemaLocation value, SchemaReader reader)
    {
        int min = value.Parent!["minContains"] is { } least ? SchemaReader.Count(least) : 1;
        int? max = value.Parent["maxContains"] is { } most ? SchemaReader.Count(most) : null;
        return reader.Formulas.Contains(new(reader.Inner(value), 0, min, max));
    }

    private static Formula UnevaluatedItems(SchemaLocation value, SchemaReader reader) =>
        value.Value.ValueKind == JsonValueKind.True ? reader.Formulas.True : throw value.Error("'unevaluatedItems' is not supported; 'items' is.");
}
