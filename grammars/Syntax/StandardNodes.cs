using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Syntax;

/// <summary>The texts that a regular expression matches.</summary>
internal sealed class TerminalNode(GrammarStore store, Regex regex) : GrammarNode(store)
{
    /// <summary>The expression.</summary>
    public Regex Regex => regex;

    /// <inheritdoc/>
    protected override bool FindNullable() => Store.Regexes.IsNullable(regex);

    /// <inheritdoc/>
    protected override bool FindProductive() => !Store.Regexes.IsNothing(regex);

    /// <inheritdoc/>
    protected override IEnumerable<Arm> Expand() => regex == Store.Regexes.Empty || regex == Store.Regexes.Nothing ? [] : [new(regex, Store.Empty)];
}

/// <summary>Two nodes, one after the other; the first is no sequence.</summary>
internal sealed class SequenceNode(GrammarStore store, GrammarNode first, GrammarNode second) : GrammarNode(store)
{
    /// <summary>What comes first.</summary>
    public GrammarNode First => first;

    /// <summary>What comes after it.</summary>
    public GrammarNode Second => second;

    /// <inheritdoc/>
    protected override bool FindNullable() => first.IsNullable && second.IsNullable;

    /// <inheritdoc/>
    protected override bool FindProductive() => first.IsProductive && second.IsProductive;

    /// <inheritdoc/>
    protected override IEnumerable<Arm> Expand()
    {
        IEnumerable<Arm> arms = first.Arms.Select(arm => arm with { Rest = Store.Sequence(arm.Rest, second) });
        return first.IsNullable ? arms.Append(new(Store.Regexes.Empty, second)) : arms;
    }

    /// <inheritdoc/>
    public override IEnumerable<GrammarNode> Beginnings => first.IsNullable ? [first, second] : [first];
}

/// <summary>One of several nodes.</summary>
internal sealed class ChoiceNode(GrammarStore store, GrammarNode[] options) : GrammarNode(store)
{
    /// <inheritdoc/>
    protected override bool FindNullable() => options.Any(option => option.IsNullable);

    /// <inheritdoc/>
    protected override bool FindProductive() => options.Any(option => option.IsProductive);

    /// <inheritdoc/>
    protected override IEnumerable<Arm> Expand() => options.SelectMany(option => option.Arms);

    /// <inheritdoc/>
    public override IEnumerable<GrammarNode> Beginnings => options;
}

/// <summary>A node several times; with no most, any number of times.</summary>
internal sealed class RepeatNode(GrammarStore store, GrammarNode item, int min, int? max) : GrammarNode(store)
{
    /// <inheritdoc/>
    protected override bool FindNullable() => min == 0 || item.IsNullable;

    /// <inheritdoc/>
    protected override bool FindProductive() => min == 0 || item.IsProductive;

    /// <inheritdoc/>
    protected override IEnumerable<Arm> Expand()
    {
        GrammarNode rest = Store.Repeat(item, item.IsNullable ? 0 : Math.Max(min - 1, 0), max - 1);
        return NotEmptyArms().Select(arm => arm with { Rest = Store.Sequence(arm.Rest, rest) });
    }

    /// <inheritdoc/>
    public override IEnumerable<GrammarNode> Beginnings => [item];

    // An item that is empty brings nothing that one less does not: ways to be empty would only make states larger.
    private List<Arm> NotEmptyArms()
    {
        List<Arm> arms = [];
        HashSet<GrammarNode> seen = [];
        Stack<GrammarNode> left = new([item]);
        while (left.TryPop(out GrammarNode? node))
        {
            if (!seen.Add(node)) continue;
            foreach (Arm arm in node.Arms)
            {
                if (arm.Terminal == Store.Regexes.Empty) left.Push(arm.Rest);
                else arms.Add(arm);
            }
        }

        return arms;
    }
}
