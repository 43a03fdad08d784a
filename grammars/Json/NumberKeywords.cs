namespace Gemma2.Grammars.Json;

/// <summary>Keywords for numbers: <c>minimum</c>, <c>maximum</c>, <c>exclusiveMinimum</c>, <c>exclusiveMaximum</c>, <c>multipleOf</c>.</summary>
internal static class NumberKeywords
{
    /// <summary>The keywords.</summary>
    public static IReadOnlyList<KeyValuePair<string, Keyword>> All { get; } =
    [
        new("minimum", (value, reader) => Minimum(value, reader, IsExclusive(value, "exclusiveMinimum"))),
        new("maximum", (value, reader) => Maximum(value, reader, IsExclusive(value, "exclusiveMaximum"))),
        new("exclusiveMinimum", (value, reader) => IsFlag(value) ? reader.Formulas.True : Minimum(value, reader, exclusive: true)),
        new("exclusiveMaximum", (value, reader) => IsFlag(value) ? reader.Formulas.True : Maximum(value, reader, exclusive: true)),
        new("multipleOf", MultipleOf),
    ];

    private static Formula Minimum(SchemaLocation value, SchemaReader reader, bool exclusive)
    {
        DecimalNumber bound = SchemaReader.Number(value);
        return reader.Formulas.Number(exclusive ? reader.Numbers.MoreThan(bound) : reader.Numbers.AtLeast(bound));
    }

    private static Formula Maximum(SchemaLocation value, SchemaReader reader, bool exclusive)
    {
        DecimalNumber bound = SchemaReader.Number(value);
        NumberSet beyond = exclusive ? reader.Numbers.AtLeast(bound) : reader.Numbers.MoreThan(bound);
        return reader.Formulas.Number(new(beyond.Outside, beyond.Inside));
    }

    private static Formula MultipleOf(SchemaLocation value, SchemaReader reader)
    {
        DecimalNumber divisor = SchemaReader.Number(value);
        if (divisor.IsNegative || divisor.IsZero) throw value.Error("'multipleOf' is a number above 0.");
        return reader.Formulas.Number(
            reader.Numbers.MultipleOf(divisor) ?? throw value.Error("'multipleOf' is up to 5000 times a product of 2s, 5s and 10s, with up to 18 digits."));
    }

    // In draft 4 the bound is in one keyword and whether it belongs to the range in the other.
    private static bool IsExclusive(SchemaLocation bound, string keyword) => bound.Parent![keyword] is { } flag && IsFlag(flag) && SchemaReader.Flag(flag);

    private static bool IsFlag(SchemaLocation value) => value.Value.ValueKind is System.Text.Json.JsonValueKind.True or System.Text.Json.JsonValueKind.False;
}
