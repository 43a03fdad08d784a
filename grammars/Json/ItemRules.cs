namespace Gemma2.Grammars.Json;

/// <summary>What the items of a list must be, by their places.</summary>
/// <param name="Prefix">The first ones.</param>
/// <param name="Rest">All that follow.</param>
internal sealed record ItemRules(IReadOnlyList<Formula> Prefix, Formula Rest)
{
    /// <summary>What the item at a place must be.</summary>
    public Formula this[int index] => index < Prefix.Count ? Prefix[index] : Rest;
}

/// <summary>How many items of a list a formula must hold for.</summary>
/// <param name="Value">The formula.</param>
/// <param name="From">The first place that counts.</param>
/// <param name="Min">How many at least.</param>
/// <param name="Max">How many at most; null for any number.</param>
internal sealed record Counter(Formula Value, int From, int Min, int? Max);
