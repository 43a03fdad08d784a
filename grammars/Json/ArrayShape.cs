using Gemma2.Grammars.Syntax;

namespace Gemma2.Grammars.Json;

/// <summary>One way in which an item counts: which counters it is in.</summary>
/// <param name="Value">The item.</param>
/// <param name="Counts">The counters, a bit each.</param>
internal sealed record ArrayItem(GrammarNode Value, ulong Counts);

/// <summary>A list as it is written.</summary>
/// <param name="syntax">JSON's own characters.</param>
/// <param name="places">The items that may stand at each of the first places; the last are those of all places from there on.</param>
/// <param name="counters">What is counted.</param>
/// <param name="min">How many items there are at least.</param>
/// <param name="max">How many at most; null for any number.</param>
internal sealed class ArrayShape(JsonSyntax syntax, IReadOnlyList<IReadOnlyList<ArrayItem>> places, IReadOnlyList<Counter> counters, int min, int? max)
{
    /// <summary>JSON's own characters.</summary>
    public JsonSyntax Syntax => syntax;

    /// <summary>What is counted.</summary>
    public IReadOnlyList<Counter> Counters => counters;

    /// <summary>How many items there are at least.</summary>
    public int Min => min;

    /// <summary>How many at most; null for any number.</summary>
    public int? Max => max;

    /// <summary>Places are told apart up to here.</summary>
    public int MostCounted { get; } = Math.Max(max ?? min, places.Count - 1);

    /// <summary>The items that may stand at a place.</summary>
    public IReadOnlyList<ArrayItem> At(int index) => places[Math.Min(index, places.Count - 1)];

    /// <summary>The number of the last place that has items of its own.</summary>
    public int LastPlace => places.Count - 1;

    /// <summary>The list, from bracket to bracket.</summary>
    public GrammarNode ToNode(GrammarStore store) =>
        store.Sequence(store.Terminal(syntax.OpenArray), ItemsNode.Of(store, new(this, 0, [.. counters.Select(_ => 0)], IsAfter: false)));
}
