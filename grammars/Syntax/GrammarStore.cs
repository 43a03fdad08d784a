using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Syntax;

/// <summary>Makes and keeps the nodes of a grammar: nodes that are made alike are the same, and terminals side by side
/// are one. One thread at a time uses a store.</summary>
/// <param name="regexes">Where the terminals' expressions are kept.</param>
internal sealed class GrammarStore(RegexStore regexes)
{
    // Finding a pair that is there costs little, but long chains are gone along again and again.
    private const int LinksPerUnit = 16;

    private readonly Dictionary<object, GrammarNode> _interned = [];
    private readonly List<GrammarRule> _rules = [];
    private int _nodes;

    /// <summary>Where the terminals' expressions are kept.</summary>
    public RegexStore Regexes => regexes;

    /// <summary>How many nodes were made.</summary>
    public int Count => _nodes;

    /// <summary>Has no text.</summary>
    public GrammarNode Nothing => Terminal(regexes.Nothing);

    /// <summary>Has the empty text alone.</summary>
    public GrammarNode Empty => Terminal(regexes.Empty);

    /// <summary>Counts how often it was asked again which rules can be empty or have texts; see <see cref="Settle"/>.</summary>
    internal int Round { get; private set; } = 1;

    /// <summary>The texts that an expression matches.</summary>
    public GrammarNode Terminal(Regex regex) => Intern(regex, regex => new TerminalNode(this, regex));

    /// <summary>Several, one after the other.</summary>
    public GrammarNode Sequence(params ReadOnlySpan<GrammarNode> parts)
    {
        GrammarNode result = Empty;
        for (int i = parts.Length - 1; i >= 0; i--) result = Sequence(parts[i], result);
        return result;
    }

    /// <summary>One of several; of none: nothing.</summary>
    public GrammarNode Choice(params ReadOnlySpan<GrammarNode> options)
    {
        List<GrammarNode> distinct = [];
        HashSet<GrammarNode> seen = [Nothing];
        List<Regex> terminals = [];
        foreach (GrammarNode option in options)
        {
            if (option is TerminalNode terminal) terminals.Add(terminal.Regex);
            else if (seen.Add(option)) distinct.Add(option);
        }

        if (terminals.Count > 0 && Terminal(regexes.Or([.. terminals])) is var merged && merged != Nothing) distinct.Add(merged);

        return distinct.Count switch
        {
            0 => Nothing,
            1 => distinct[0],
            _ => Intern(new ChoiceKey([.. distinct.Select(node => node.Id)]), _ => new ChoiceNode(this, [.. distinct])),
        };
    }

    /// <summary>A node several times.</summary>
    /// <param name="item">What is repeated.</param>
    /// <param name="min">How often at least.</param>
    /// <param name="max">How often at most; null for any number of times.</param>
    public GrammarNode Repeat(GrammarNode item, int min, int? max)
    {
        if (max is int most && most < min) return Nothing;
        if (item == Empty || max == 0) return Empty;
        if (item is TerminalNode terminal) return Terminal(regexes.Repeat(terminal.Regex, min, max));
        return min == 1 && max == 1 ? item : Intern(new RepeatKey(item, min, max), _ => new RepeatNode(this, item, min, max));
    }

    /// <summary>A node whose <see cref="GrammarRule.Body"/> is told later.</summary>
    /// <param name="name">Its name, for messages.</param>
    public GrammarRule NewRule(string name)
    {
        GrammarRule rule = new(this, name);
        _rules.Add(rule);
        return rule;
    }

    /// <summary>The node of a key, made where there is none yet: for kinds of nodes that are made elsewhere.</summary>
    /// <typeparam name="TKey">A type of its own for each kind, which compares by content.</typeparam>
    /// <param name="key">All that the node is made of.</param>
    /// <param name="create">Makes it.</param>
    public GrammarNode Intern<TKey>(TKey key, Func<TKey, GrammarNode> create)
        where TKey : notnull
    {
        if (!_interned.TryGetValue(key, out GrammarNode? node)) _interned.Add(key, node = create(key));
        return node;
    }

    /// <summary>
    /// Finds out for good which rules can be empty and which have texts, and that none begins with itself. Called once all rules have their bodies; no rule may be made later.
    /// </summary>
    /// <exception cref="GrammarException">A rule is left-recursive.</exception>
    public void Settle()
    {
        int before;
        do
        {
            before = _rules.Count(rule => rule.IsNullable) + _rules.Count(rule => rule.IsProductive);
            Round++;
            regexes.Budget.Spend(_rules.Count);
        }
        while (_rules.Count(rule => rule.IsNullable) + _rules.Count(rule => rule.IsProductive) != before);
        CheckBeginnings();
    }

    /// <summary>The next node's place.</summary>
    internal int NextId()
    {
        regexes.Budget.Spend(1);
        return _nodes++;
    }

    // Depth first along what nodes begin with: a node that is come to again before all of it was seen begins with itself. Only rules lead back, the last one did.
    private void CheckBeginnings()
    {
        HashSet<GrammarNode> done = [], open = [];
        Stack<GrammarRule> openRules = new();
        Stack<(GrammarNode Node, bool IsSeen)> left = new(_rules.Select(rule => ((GrammarNode)rule, false)));
        while (left.TryPop(out (GrammarNode Node, bool IsSeen) top))
        {
            if (top.IsSeen)
            {
                open.Remove(top.Node);
                done.Add(top.Node);
                if (top.Node is GrammarRule) openRules.Pop();
            }
            else if (!done.Contains(top.Node))
            {
                if (!open.Add(top.Node)) throw new GrammarException(openRules.Peek().Name, "is left-recursive: it begins with itself; let it begin with something else.");
                if (top.Node is GrammarRule rule) openRules.Push(rule);
                left.Push((top.Node, true));
                foreach (GrammarNode beginning in top.Node.Beginnings) left.Push((beginning, false));
            }
        }
    }

    private GrammarNode Sequence(GrammarNode first, GrammarNode second)
    {
        if (first == Nothing || second == Nothing) return Nothing;
        if (first == Empty) return second;
        if (second == Empty) return first;
        List<GrammarNode> parts = [];
        for (; first is SequenceNode sequence; first = sequence.Second) parts.Add(sequence.First);
        parts.Add(first);
        regexes.Budget.Spend(parts.Count / LinksPerUnit);
        for (int i = parts.Count - 1; i >= 0; i--) second = Pair(parts[i], second);
        return second;
    }

    private GrammarNode Pair(GrammarNode first, GrammarNode second) => (first, second) switch
    {
        (TerminalNode left, TerminalNode right) => Terminal(regexes.Concat(left.Regex, right.Regex)),
        (TerminalNode left, SequenceNode { First: TerminalNode right, Second: var rest }) => Pair(Terminal(regexes.Concat(left.Regex, right.Regex)), rest),
        _ => Intern(new SequenceKey(first, second), key => new SequenceNode(this, key.First, key.Second)),
    };

    private readonly record struct SequenceKey(GrammarNode First, GrammarNode Second);

    private readonly record struct RepeatKey(GrammarNode Item, int Min, int? Max);

    private readonly record struct ChoiceKey(ValueList<int> Options);
}
