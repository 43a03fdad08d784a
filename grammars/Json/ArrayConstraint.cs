namespace Gemma2.Grammars.Json;

/// <summary>Lists of which all of this holds.</summary>
/// <param name="Rules">What each item must be.</param>
/// <param name="Min">How many items it has at least.</param>
/// <param name="Max">How many at most; null for any number.</param>
/// <param name="Counters">How many of them some formulas hold for.</param>
/// <param name="Unique">The keyword that forbids equal items; null where they are allowed.</param>
internal sealed record ArrayConstraint(ValueList<ItemRules> Rules, int Min, int? Max, ValueList<Counter> Counters, SchemaLocation? Unique)
{
    /// <summary>Any list.</summary>
    public static ArrayConstraint Any { get; } = new([], 0, null, [], null);

    /// <summary>What holds of both.</summary>
    public ArrayConstraint And(ArrayConstraint other) => new(
        new(Rules.Union(other.Rules)),
        Math.Max(Min, other.Min),
        Max is null || other.Max < Max ? other.Max : Max,
        new(Counters.Union(other.Counters)),
        Unique ?? other.Unique);
}
