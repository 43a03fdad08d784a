using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Json;

/// <summary>
/// Keywords for objects: <c>properties</c>, <c>patternProperties</c>, <c>additionalProperties</c>, <c>propertyNames</c>, <c>required</c>, <c>minProperties</c>,
/// <c>maxProperties</c>, <c>dependentRequired</c>, <c>dependentSchemas</c>, <c>dependencies</c>.
/// </summary>
internal static class ObjectKeywords
{
    /// <summary>The keywords.</summary>
    public static IReadOnlyList<KeyValuePair<string, Keyword>> All { get; } =
    [
        new("properties", Members),
        new("patternProperties", Members),
        new("additionalProperties", Members),
        new("propertyNames", (value, reader) => reader.Formulas.MemberNames(reader.Inner(value))),
        new("required", (value, reader) => reader.Formulas.Required(SchemaReader.Texts(value))),
        new("minProperties", (value, reader) => reader.Formulas.MemberCount(SchemaReader.Count(value), null)),
        new("maxProperties", (value, reader) => reader.Formulas.MemberCount(0, SchemaReader.Count(value))),
        new("dependentRequired", Dependencies),
        new("dependentSchemas", Dependencies),
        new("dependencies", Dependencies),
        new("unevaluatedProperties", UnevaluatedProperties),
    ];

    private static Formula Members(SchemaLocation value, SchemaReader reader)
    {
        if (!SchemaReader.IsFirst(value, "properties", "patternProperties", "additionalProperties")) return reader.Formulas.True;
        SchemaLocation schema = value.Parent!;
        IEnumerable<SchemaLocation> Of(string keyword) => schema[keyword] is { } members ? SchemaReader.Members(members) : [];
        KeyValuePair<string, Formula>[] named = [.. Of("properties").Select(member => KeyValuePair.Create(member.Name, reader.Inner(member)))];
        (Regex, Formula)[] patterns = [.. Of("patternProperties").Select(member => (TextKeywords.Pattern(member, member.Name, reader), reader.Inner(member)))];
        Formula additional = schema["additionalProperties"] is { } rest ? reader.Inner(rest) : reader.Formulas.True;
        return reader.Formulas.Members(new(named, patterns, additional));
    }

    private static Formula Dependencies(SchemaLocation value, SchemaReader reader)
    {
        FormulaStore formulas = reader.Formulas;
        return formulas.All(SchemaReader.Members(value).Select(member =>
        {
            Formula present = formulas.All(formulas.Kinds(JsonKinds.Object), formulas.Required(member.Name));
            Formula then = member.IsArray ? formulas.Required(SchemaReader.Texts(member)) : reader.Inner(member);
            return formulas.Any(formulas.Not(present), formulas.All(present, then));
        }));
    }

    private static Formula UnevaluatedProperties(SchemaLocation value, SchemaReader reader) =>
        value.Value.ValueKind == System.Text.Json.JsonValueKind.True
            ? reader.Formulas.True
            : throw value.Error("'unevaluatedProperties' is not supported; 'additionalProperties' is.");
}
