using System.Globalization;
using System.Text.Json;
using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Json;

/// <summary>What one keyword of a schema says.</summary>
/// <param name="value">The keyword's value; the schema that it stands in is around it.</param>
/// <param name="reader">Reads what lies inside.</param>
internal delegate Formula Keyword(SchemaLocation value, SchemaReader reader);

/// <summary>
/// Reads schemas as formulas: a schema says what all of its keywords say. The keywords themselves are in the classes beside this one.
/// A name that is no keyword says nothing, as the standard has it.
/// </summary>
internal sealed class SchemaReader
{
    private static readonly Dictionary<string, Keyword> Keywords = new(
        [.. ValueKeywords.All, .. LogicKeywords.All, .. TextKeywords.All, .. NumberKeywords.All, .. ObjectKeywords.All, .. ArrayKeywords.All], StringComparer.Ordinal);

    /// <summary>Reads the schemas of a document.</summary>
    /// <param name="document">The document.</param>
    /// <param name="formulas">Where formulas are kept.</param>
    public SchemaReader(SchemaDocument document, FormulaStore formulas) => (Document, Formulas, Numbers) = (document, formulas, new(formulas.Regexes));

    /// <summary>The document.</summary>
    public SchemaDocument Document { get; }

    /// <summary>Where formulas are kept.</summary>
    public FormulaStore Formulas { get; }

    /// <summary>Where expressions are kept.</summary>
    public RegexStore Regexes => Formulas.Regexes;

    /// <summary>Makes expressions of numbers.</summary>
    public NumberTexts Numbers { get; }

    /// <summary>What a schema says; the schemas in it are not read yet.</summary>
    public Formula Read(SchemaLocation schema)
    {
        if (schema.Value.ValueKind is JsonValueKind.True or JsonValueKind.False) return Formulas.Constant(schema.Value.ValueKind == JsonValueKind.True);
        if (!schema.IsObject) throw schema.Error("A schema is an object, true or false.");
        if (Document.ReferencesStandAlone && schema["$ref"] is { } reference) return Keywords["$ref"](reference, this);
        return Formulas.All(schema.Children.Select(child => Keywords.TryGetValue(child.Name, out Keyword? keyword) ? keyword(child, this) : Formulas.True));
    }

    /// <summary>What a schema that lies in another says. What may lead back to where it stands is read later.</summary>
    public Formula Inner(SchemaLocation schema)
    {
        if (schema.IsObject && schema.Children.Any(child => child.IsObject || child.IsArray || child.Name == "$ref"))
            return schema.Children.Count == 1 && schema["$ref"] is { } reference ? Formulas.At(Document.Resolve(reference)) : Formulas.At(schema);
        return Read(schema);
    }

    /// <summary>What each schema of a list says.</summary>
    public IReadOnlyList<Formula> InnerList(SchemaLocation schemas) =>
        schemas.IsArray && schemas.Children.Count > 0 ? [.. schemas.Children.Select(Inner)] : throw schemas.Error("This is a list of one or more schemas.");

    /// <summary>The members of an object that a keyword wants.</summary>
    public static IReadOnlyList<SchemaLocation> Members(SchemaLocation value) => value.IsObject ? value.Children : throw value.Error($"'{value.Name}' is an object.");

    /// <summary>A text that a keyword wants.</summary>
    public static string Text(SchemaLocation value) => value.Value.ValueKind == JsonValueKind.String ? value.Value.GetString()! : throw value.Error("This is a string.");

    /// <summary>Texts that a keyword wants.</summary>
    public static IEnumerable<string> Texts(SchemaLocation value) => value.IsArray ? value.Children.Select(Text) : throw value.Error($"'{value.Name}' is a list of strings.");

    /// <summary>Whether a keyword is true rather than false.</summary>
    public static bool Flag(SchemaLocation value) =>
        value.Value.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? value.Value.ValueKind == JsonValueKind.True
            : throw value.Error($"'{value.Name}' is true or false.");

    /// <summary>A number that a keyword wants, exactly.</summary>
    public static DecimalNumber Number(SchemaLocation value)
    {
        if (value.Value.ValueKind != JsonValueKind.Number) throw value.Error($"'{value.Name}' is a number.");
        return DecimalNumber.Parse(value.Value.GetRawText()) ?? throw value.Error("A number in a schema has at most 400 digits.");
    }

    /// <summary>A count that a keyword wants.</summary>
    public static int Count(SchemaLocation value)
    {
        DecimalNumber number = Number(value);
        if (number.IsNegative || number.Fraction.Length > 0) throw value.Error($"'{value.Name}' is 0 or a positive integer.");
        return int.TryParse(number.Whole, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count < int.MaxValue ? count : int.MaxValue - 1;
    }

    /// <summary>Whether a keyword is the first of some in its schema: keywords that say something together are read at the first.</summary>
    public static bool IsFirst(SchemaLocation value, params ReadOnlySpan<string> keywords)
    {
        foreach (string keyword in keywords)
        {
            if (value.Parent![keyword] is { } present) return present == value;
        }

        return false;
    }
}
