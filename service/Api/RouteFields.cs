using System.Collections.Frozen;
using System.Text.Json;
using Gemma2.Backend;

namespace Gemma2.Service.Api;

/// <summary>All fields that the requests of one route may have. docs/api.md lists them in the section of that route; a test compares the two.</summary>
internal sealed class RouteFields
{
    private readonly FrozenSet<string> _honoured;
    private readonly FrozenDictionary<string, JsonValueKind> _ignored;
    private readonly FrozenDictionary<string, string[]> _refused;

    /// <param name="route">The method and the path, as the section is called: <c>POST /v1/completions</c>.</param>
    /// <param name="honoured">What the route acts on.</param>
    /// <param name="ignored">What is taken without effect, if the value has that type; <see cref="JsonValueKind.True"/> stands for both, <see cref="JsonValueKind.Undefined"/> for any.</param>
    /// <param name="refused">What is refused by name, unless it holds one of these values, in JSON, or null.</param>
    public RouteFields(
        string route, IEnumerable<string> honoured, IReadOnlyDictionary<string, JsonValueKind>? ignored = null, IReadOnlyDictionary<string, string[]>? refused = null)
    {
        Route = route;
        _honoured = honoured.ToFrozenSet();
        _ignored = (ignored ?? new Dictionary<string, JsonValueKind>()).Where(field => !_honoured.Contains(field.Key)).ToFrozenDictionary();
        _refused = (refused ?? new Dictionary<string, string[]>()).Where(field => !_honoured.Contains(field.Key)).ToFrozenDictionary();
    }

    /// <summary>The method and the path, as the section is called.</summary>
    public string Route { get; }

    /// <summary>What the route acts on.</summary>
    public IReadOnlySet<string> Honoured => _honoured;

    /// <summary>What is taken without effect.</summary>
    public IEnumerable<string> Ignored => _ignored.Keys;

    /// <summary>What is refused by name.</summary>
    public IEnumerable<string> Refused => _refused.Keys;

    /// <summary>Looks at every field that is not acted on: a field that is not known is refused as OpenAI refuses it.</summary>
    /// <exception cref="InvalidRequestException">Names the field.</exception>
    public void Check(RequestFields request)
    {
        foreach (JsonProperty field in request.All)
        {
            string path = request.Path(field.Name);
            if (_honoured.Contains(field.Name) || field.Value.ValueKind == JsonValueKind.Null)
                continue;
            if (_ignored.TryGetValue(field.Name, out JsonValueKind kind))
                CheckKind(path, kind, field.Value.ValueKind);
            else if (_refused.TryGetValue(field.Name, out string[]? neutral))
                CheckNeutral(path, neutral, field.Value);
            else
                throw new InvalidRequestException(RequestFields.Quote(path), $"{RequestFields.Quote(path)} is an unknown field.", ErrorCodes.UnknownField);
        }
    }

    private static void CheckKind(string path, JsonValueKind expected, JsonValueKind given)
    {
        if (given == expected || expected == JsonValueKind.Undefined || (expected == JsonValueKind.True && given == JsonValueKind.False))
            return;
        string type = expected switch { JsonValueKind.True => "true or false", JsonValueKind.Object => "an object", _ => "a string" };
        throw new InvalidRequestException(path, $"{path} must be {type}.", ErrorCodes.WrongType);
    }

    private static void CheckNeutral(string path, string[] neutral, JsonElement given)
    {
        if (neutral.Any(value => JsonElement.DeepEquals(JsonElement.Parse(value), given)))
            return;
        string allowed = neutral.Length > 0 ? $" but for the value {neutral[0]}" : "";
        throw new InvalidRequestException(path, $"{path} is not supported{allowed}; leave it out.", neutral.Length > 0 ? ErrorCodes.UnsupportedValue : ErrorCodes.UnsupportedField);
    }
}
