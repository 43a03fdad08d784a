namespace Gemma2.Grammars.Json;

/// <summary>Keywords that put schemas together: <c>$ref</c>, <c>allOf</c>, <c>anyOf</c>, <c>oneOf</c>, <c>not</c>, <c>if</c>.</summary>
internal static class LogicKeywords
{
    /// <summary>The keywords.</summary>
    public static IReadOnlyList<KeyValuePair<string, Keyword>> All { get; } =
    [
        new("$ref", (value, reader) => reader.Formulas.At(reader.Document.Resolve(value))),
        new("allOf", (value, reader) => reader.Formulas.All(reader.InnerList(value))),
        new("anyOf", (value, reader) => reader.Formulas.Any(reader.InnerList(value))),
        new("oneOf", (value, reader) => reader.Formulas.ExactlyOne(reader.InnerList(value))),
        new("not", (value, reader) => reader.Formulas.Not(reader.Inner(value))),
        new("if", If),
        new("$dynamicRef", Refuse),
        new("$recursiveRef", Refuse),
    ];

    private static Formula If(SchemaLocation value, SchemaReader reader)
    {
        FormulaStore formulas = reader.Formulas;
        Formula condition = reader.Inner(value);
        Formula Branch(string name) => value.Parent![name] is { } branch ? reader.Inner(branch) : formulas.True;
        // Both branches say what they are for: so two of many conditions are told apart where they exclude each other.
        return formulas.Any(formulas.All(condition, Branch("then")), formulas.All(formulas.Not(condition), Branch("else")));
    }

    private static Formula Refuse(SchemaLocation value, SchemaReader reader) => throw value.Error($"'{value.Name}' is not supported; '$ref' is.");
}
