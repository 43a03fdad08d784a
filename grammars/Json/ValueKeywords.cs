using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Gemma2.Grammars.Json;

/// <summary>Keywords for values of any kind: <c>type</c>, <c>enum</c>, <c>const</c>.</summary>
internal static class ValueKeywords
{
    /// <summary>The keywords.</summary>
    public static IReadOnlyList<KeyValuePair<string, Keyword>> All { get; } = [new("type", Type), new("enum", Enum), new("const", Const)];

    /// <summary>One value, in every way to write it.</summary>
    public static Formula Value(SchemaLocation place, JsonElement value, SchemaReader reader)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        FormulaStore formulas = reader.Formulas;
        switch (value.ValueKind)
        {
            case JsonValueKind.Null: return formulas.Kinds(JsonKinds.Null);
            case JsonValueKind.True: return formulas.Kinds(JsonKinds.True);
            case JsonValueKind.False: return formulas.Kinds(JsonKinds.False);
            case JsonValueKind.String: return formulas.All(formulas.Kinds(JsonKinds.Text), formulas.Text(reader.Regexes.Literal(value.GetString()!)));
            case JsonValueKind.Number:
                return formulas.All(formulas.Kinds(JsonKinds.Number), formulas.Number(reader.Numbers.OneOf([Number(place, value)])));
            case JsonValueKind.Array:
                Formula[] items = [.. value.EnumerateArray().Select(item => Value(place, item, reader))];
                return formulas.All(formulas.Kinds(JsonKinds.Array), formulas.Items(new(items, formulas.False)), formulas.ItemCount(items.Length, null));
            default:
                // Of names that come twice the last counts.
                Dictionary<string, Formula> members = new(StringComparer.Ordinal);
                foreach (JsonProperty member in value.EnumerateObject()) members[member.Name] = Value(place, member.Value, reader);
                return formulas.All(formulas.Kinds(JsonKinds.Object), formulas.Members(new([.. members], [], formulas.False)), formulas.Required(members.Keys));
        }
    }

    private static DecimalNumber Number(SchemaLocation place, JsonElement value) =>
        DecimalNumber.Parse(value.GetRawText()) ?? throw place.Error("A number in a schema has at most 400 digits.");

    private static Formula Type(SchemaLocation value, SchemaReader reader)
    {
        IEnumerable<string> names = value.IsArray ? SchemaReader.Texts(value) : [SchemaReader.Text(value)];
        return reader.Formulas.Any(names.Select(name => Type(value, name, reader)));
    }

    private static Formula Type(SchemaLocation value, string name, SchemaReader reader)
    {
        FormulaStore formulas = reader.Formulas;
        return name switch
        {
            "null" => formulas.Kinds(JsonKinds.Null),
            "boolean" => formulas.Kinds(JsonKinds.Boolean),
            "number" => formulas.Kinds(JsonKinds.Number),
            "integer" => formulas.All(formulas.Kinds(JsonKinds.Number), formulas.Number(reader.Document.IsDraft4 ? reader.Numbers.PlainIntegers : reader.Numbers.Integers)),
            "string" => formulas.Kinds(JsonKinds.Text),
            "array" => formulas.Kinds(JsonKinds.Array),
            "object" => formulas.Kinds(JsonKinds.Object),
            _ => throw value.Error($"There is no type '{name}'; types are null, boolean, integer, number, string, array and object."),
        };
    }

    private static Formula Enum(SchemaLocation value, SchemaReader reader)
    {
        if (!value.IsArray) throw value.Error("'enum' is a list of values.");
        FormulaStore formulas = reader.Formulas;
        // Strings and numbers are put together at once: there may be tens of thousands.
        ILookup<JsonValueKind, JsonElement> values = value.Value.EnumerateArray().ToLookup(item => item.ValueKind);
        string[] texts = [.. values[JsonValueKind.String].Select(item => item.GetString()!)];
        DecimalNumber[] numbers = [.. values[JsonValueKind.Number].Select(item => Number(value, item))];
        return formulas.Any(
        [
            formulas.All(formulas.Kinds(texts.Length > 0 ? JsonKinds.Text : JsonKinds.None), formulas.Text(reader.Regexes.Words(texts))),
            formulas.All(formulas.Kinds(numbers.Length > 0 ? JsonKinds.Number : JsonKinds.None), formulas.Number(reader.Numbers.OneOf(numbers))),
            .. values.Where(kind => kind.Key is not (JsonValueKind.String or JsonValueKind.Number)).SelectMany(kind => kind).Select(item => Value(value, item, reader)),
        ]);
    }

    private static Formula Const(SchemaLocation value, SchemaReader reader) => Value(value, value.Value, reader);
}
