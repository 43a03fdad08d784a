using Gemma2.Grammars.Syntax;

namespace Gemma2.Grammars.Json;

/// <summary>Lists: the items that may stand at each place, and in which counters they are.</summary>
internal sealed partial class GrammarBuilder
{
    // Each way to be in some counters is an item of its own.
    private const int MostCounters = 4;

    private GrammarNode Array(ArrayConstraint constraint)
    {
        if (constraint.Counters.Count > MostCounters) throw new GrammarException("", "is too complex: too many keywords count the items of one list.");
        int places = constraint.Rules.Select(rule => rule.Prefix.Count).Concat(constraint.Counters.Select(counter => counter.From)).DefaultIfEmpty(0).Max();
        if (constraint.Max is int max) places = Math.Min(places, max);
        List<(Formula Value, ulong Counts)>[] items = [.. Enumerable.Range(0, places + 1).Select(index => Items(constraint, index).ToList())];
        List<Counter> counters = [.. constraint.Counters];
        if (constraint.Unique is { } unique && !(constraint.Max <= 1))
        {
            Distinguish(items, counters, unique);
            if (constraint.Min > counters.Count - constraint.Counters.Count) return _store.Nothing;
        }

        ArrayItem[][] nodes = [.. items.Select(place => place.Select(item => new ArrayItem(Node(item.Value), item.Counts)).ToArray())];
        return new ArrayShape(_syntax, nodes, counters, constraint.Min, constraint.Max).ToNode(_store);
    }

    // Counters without a limit need not be told of every item that they could count.
    private IEnumerable<(Formula Value, ulong Counts)> Items(ArrayConstraint constraint, int index)
    {
        Formula any = _shapes.ValueOf(constraint.Rules, index);
        for (uint counts = 0; counts < 1 << constraint.Counters.Count; counts++)
        {
            List<Formula> parts = [any];
            bool possible = true;
            for (int i = 0; i < constraint.Counters.Count; i++)
            {
                Counter counter = constraint.Counters[i];
                bool counted = (counts >> i & 1) != 0;
                possible &= !counted || index >= counter.From;
                if (counted) parts.Add(counter.Value);
                else if (counter.Max is not null && index >= counter.From) parts.Add(_formulas.Not(counter.Value));
            }

            Formula value = _formulas.All(parts);
            if (possible && !_shapes.IsPlainlyEmpty(value)) yield return (value, counts);
        }
    }

    /// <summary>Where items are few values, each value is counted, and comes once at most.</summary>
    private void Distinguish(List<(Formula Value, ulong Counts)>[] places, List<Counter> counters, SchemaLocation unique)
    {
        List<Formula> values = [];
        for (int place = 0; place < places.Length; place++)
        {
            List<(Formula Value, ulong Counts)> single = [];
            foreach ((Formula item, ulong counts) in places[place])
            {
                IReadOnlyList<Formula> few = _finite.Of(item) ?? throw TooMany(unique);
                values.AddRange(few.Except(values));
                single.AddRange(few.Select(value => (_formulas.All(item, value), counts | 1UL << (counters.Count + values.IndexOf(value)))));
            }

            places[place] = single;
            if (values.Count > FiniteValues.Most) throw TooMany(unique);
        }

        counters.AddRange(values.Select(value => new Counter(value, 0, 0, 1)));
    }

    private static GrammarException TooMany(SchemaLocation unique) =>
        unique.Error($"'uniqueItems' is supported where items are at most {FiniteValues.Most} values, as of an enum, or 'maxItems' is 1.");
}
