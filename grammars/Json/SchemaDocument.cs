using System.Text;
using System.Text.Json;

namespace Gemma2.Grammars.Json;

/// <summary>A schema as it was sent, and where its references lead.</summary>
internal sealed class SchemaDocument
{
    // Text that nests deeper costs more to read than it can be worth.
    private const int DeepestText = 20_000;

    // Keywords whose value is a schema, and those whose value holds several.
    private static readonly HashSet<string> Single =
        ["not", "if", "then", "else", "items", "additionalItems", "unevaluatedItems", "contains", "additionalProperties", "unevaluatedProperties", "propertyNames"];

    private static readonly HashSet<string> Several =
        ["allOf", "anyOf", "oneOf", "items", "prefixItems", "properties", "patternProperties", "dependencies", "dependentSchemas", "definitions", "$defs"];

    private static readonly Uri NoBase = new("json-schema:///");

    private Dictionary<Uri, SchemaLocation>? _byId;

    private SchemaDocument(SchemaLocation root)
    {
        Root = root;
        string dialect = root["$schema"]?.Value is { ValueKind: JsonValueKind.String } value ? value.GetString()! : "";
        if (dialect.Contains("draft-03", StringComparison.Ordinal)) throw root["$schema"]!.Error("Schemas of draft 3 are not supported; draft 4 to 2020-12 are.");
        IsDraft4 = dialect.Contains("draft-04", StringComparison.Ordinal);
        ReferencesStandAlone = IsDraft4 || dialect.Contains("draft-06", StringComparison.Ordinal) || dialect.Contains("draft-07", StringComparison.Ordinal);
    }

    /// <summary>All of it.</summary>
    public SchemaLocation Root { get; }

    /// <summary>Whether it says that it is of draft 4.</summary>
    public bool IsDraft4 { get; }

    /// <summary>Whether keywords beside <c>$ref</c> say nothing, as up to draft 7.</summary>
    public bool ReferencesStandAlone { get; }

    /// <summary>Reads a document.</summary>
    /// <exception cref="GrammarException">It is no JSON.</exception>
    public static SchemaDocument Parse(string schema)
    {
        try
        {
            CheckStrings(schema);
            return new(new(JsonDocument.Parse(schema, new() { MaxDepth = DeepestText }).RootElement));
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or EncoderFallbackException)
        {
            throw new GrammarException("", $"The schema is no JSON: {error.Message}");
        }
    }

    /// <summary>Where a reference leads.</summary>
    /// <param name="reference">The value of a <c>$ref</c>.</param>
    /// <exception cref="GrammarException">Nowhere in this document.</exception>
    public SchemaLocation Resolve(SchemaLocation reference)
    {
        if (reference.Value.ValueKind != JsonValueKind.String) throw reference.Error("A reference is a string.");
        string text = reference.Value.GetString()!;
        SchemaLocation resource = ResourceOf(reference);
        if (text.StartsWith('#') && Fragment(resource, text[1..]) is { } near) return near;
        // Generated schemas give parts ids without meaning them: what is not found in the part is looked for in all of the document.
        if (text.StartsWith('#') && Fragment(Root, text[1..]) is { } far) return far;
        if (!text.StartsWith('#') && Uri.TryCreate(BaseOf(resource), text, out Uri? target))
        {
            string fragment = target.Fragment;
            _byId ??= CollectIds();
            if (_byId.TryGetValue(WithoutFragment(target), out SchemaLocation? found) && Fragment(found, fragment.Length > 0 ? fragment[1..] : "") is { } there) return there;
        }

        throw reference.Error($"Nothing in the schema is at '{text}'; only references into the schema itself are followed.");
    }

    // Escapes may spell half a character: then a string has no value.
    private static void CheckStrings(string schema)
    {
        Utf8JsonReader reader = new(new UTF8Encoding(false, throwOnInvalidBytes: true).GetBytes(schema), new() { MaxDepth = DeepestText });
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped) _ = reader.GetString();
        }
    }

    private SchemaLocation? Fragment(SchemaLocation resource, string fragment)
    {
        fragment = Uri.UnescapeDataString(fragment);
        if (fragment.Length == 0) return resource;
        if (!fragment.StartsWith('/')) return Anchor(resource, fragment);
        SchemaLocation? at = resource;
        foreach (string segment in fragment[1..].Split('/'))
            at = at?[segment.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)];
        return at;
    }

    private SchemaLocation? Anchor(SchemaLocation resource, string name)
    {
        bool IsNamed(SchemaLocation place) => Text(place["$anchor"]) == name || Text(place["$id"]) == '#' + name || Text(place["id"]) == '#' + name;
        return All(resource).FirstOrDefault(place => IsNamed(place) && ResourceOf(place) == resource);
    }

    /// <summary>A schema and all schemas in it. What looks like one in other places, as in an enum, is none.</summary>
    private static IEnumerable<SchemaLocation> All(SchemaLocation from)
    {
        Stack<SchemaLocation> left = new([from]);
        while (left.TryPop(out SchemaLocation? schema))
        {
            yield return schema;
            foreach (SchemaLocation keyword in schema.IsObject ? schema.Children : [])
            {
                if (Single.Contains(keyword.Name) && !keyword.IsArray) left.Push(keyword);
                if (!Several.Contains(keyword.Name) || (keyword.Name == "items" && !keyword.IsArray)) continue;
                foreach (SchemaLocation inner in keyword.Children) left.Push(inner);
            }
        }
    }

    private static string? Text(SchemaLocation? place) => place?.Value.ValueKind == JsonValueKind.String ? place.Value.GetString() : null;

    // An id that is but a fragment names a place and begins no new resource.
    private string? IdOf(SchemaLocation place) =>
        ReferencesStandAlone && place["$ref"] is not null ? null : (Text(place["$id"]) ?? Text(place["id"])) is { Length: > 0 } id && id[0] != '#' ? id : null;

    private SchemaLocation ResourceOf(SchemaLocation place)
    {
        while (place.Parent is not null && IdOf(place) is null) place = place.Parent;
        return place;
    }

    private Uri BaseOf(SchemaLocation place)
    {
        Stack<string> ids = new();
        for (SchemaLocation? at = place; at is not null; at = at.Parent)
        {
            if (IdOf(at) is { } id) ids.Push(id);
        }

        return ids.Aggregate(NoBase, (from, id) => Uri.TryCreate(from, id, out Uri? to) ? to : from);
    }

    private static Uri WithoutFragment(Uri uri) => new(uri.AbsoluteUri.Split('#')[0]);

    private Dictionary<Uri, SchemaLocation> CollectIds()
    {
        Dictionary<Uri, SchemaLocation> byId = new() { [WithoutFragment(BaseOf(Root))] = Root };
        foreach (SchemaLocation place in All(Root).Where(place => IdOf(place) is not null)) byId.TryAdd(WithoutFragment(BaseOf(place)), place);
        return byId;
    }
}
