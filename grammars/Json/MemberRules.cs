using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Json;

/// <summary>What the members of an object must be, by their names: <c>properties</c>, <c>patternProperties</c> and <c>additionalProperties</c> of one schema.</summary>
/// <param name="Named">The values of members by name, in the schema's order.</param>
/// <param name="Patterns">The values of members whose names match expressions.</param>
/// <param name="Additional">The values of members that are neither named nor matched.</param>
internal sealed record MemberRules(IReadOnlyList<KeyValuePair<string, Formula>> Named, IReadOnlyList<(Regex Names, Formula Value)> Patterns, Formula Additional)
{
    private Dictionary<string, Formula>? _byName;

    /// <summary>What is said of a name itself; null where it is not named.</summary>
    public Formula? this[string name]
    {
        get
        {
            _byName ??= Named.ToDictionary(StringComparer.Ordinal);
            return _byName.GetValueOrDefault(name);
        }
    }
}
