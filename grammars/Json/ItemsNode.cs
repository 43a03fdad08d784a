using Gemma2.Grammars.Syntax;

namespace Gemma2.Grammars.Json;

/// <summary>What is left to write of a list.</summary>
/// <param name="Shape">The list.</param>
/// <param name="Index">How many items have come, as far as they are told apart.</param>
/// <param name="Counts">How many of them are in each counter, as far as that matters.</param>
/// <param name="IsAfter">Whether an item stands before, rather than the bracket.</param>
internal readonly record struct ItemsState(ArrayShape Shape, int Index, ValueList<int> Counts, bool IsAfter)
{
    /// <summary>Whether the list may end here.</summary>
    public bool MayClose
    {
        get
        {
            for (int i = 0; i < Counts.Count; i++)
            {
                if (Counts[i] < Shape.Counters[i].Min) return false;
            }

            return Index >= Shape.Min;
        }
    }

    /// <summary>Whether another item may come.</summary>
    public bool MayGoOn => !(Index >= Shape.Max);

    /// <summary>What is left after another item; null where a counter has enough.</summary>
    public ItemsState? After(ArrayItem item)
    {
        int[] counts = [.. Counts];
        for (int i = 0; i < counts.Length; i++)
        {
            if ((item.Counts >> i & 1) == 0) continue;
            Counter counter = Shape.Counters[i];
            if (counts[i] == counter.Max) return null;
            counts[i] = Math.Min(counts[i] + 1, counter.Max ?? counter.Min);
        }

        return this with { Index = Math.Min(Index + 1, Shape.MostCounted), Counts = [.. counts], IsAfter = true };
    }
}

/// <summary>The rest of a list: more items, or the bracket.</summary>
internal sealed class ItemsNode(GrammarStore store, ItemsState state) : GrammarNode(store)
{
    private readonly ArrayShape _shape = state.Shape;

    /// <summary>The node of a state.</summary>
    public static GrammarNode Of(GrammarStore store, ItemsState state) => store.Intern(state, state => new ItemsNode(store, state));

    /// <inheritdoc/>
    protected override bool FindNullable() => false;

    /// <inheritdoc/>
    protected override bool FindProductive() => _shape.Counters.Count == 0 ? CanFill() : CanCount();

    /// <inheritdoc/>
    protected override IEnumerable<Arm> Expand()
    {
        if (state.MayClose) yield return new(_shape.Syntax.CloseArray, Store.Empty);
        if (!state.MayGoOn) yield break;
        Regexes.Regex before = state.IsAfter ? Store.Regexes.Concat(_shape.Syntax.Comma, _shape.Syntax.Space) : _shape.Syntax.Space;
        foreach (ArrayItem item in _shape.At(state.Index))
        {
            if (state.After(item) is { } after) yield return new(before, Store.Sequence(item.Value, Of(Store, after)));
        }
    }

    // Every place up to the least number of items can be filled.
    private bool CanFill()
    {
        for (int index = state.Index; index < _shape.Min; index++)
        {
            if (!_shape.At(index).Any(item => item.Value.IsProductive)) return false;
            if (index >= _shape.LastPlace) break;
        }

        return !(_shape.Min > _shape.Max);
    }

    // Depth first over what may be left until the list may end.
    private bool CanCount()
    {
        HashSet<ItemsState> seen = [state];
        Stack<ItemsState> left = new(seen);
        while (left.TryPop(out ItemsState at))
        {
            if (at.MayClose) return true;
            if (!at.MayGoOn) continue;
            Store.Regexes.Budget.Spend(1);
            foreach (ArrayItem item in _shape.At(at.Index).Where(item => item.Value.IsProductive))
            {
                if (at.After(item) is { } after && seen.Add(after)) left.Push(after);
            }
        }

        return false;
    }
}
