using System.Runtime.CompilerServices;
using System.Text;

namespace Gemma2.Grammars.Regexes;

/// <summary>
/// Regular expressions over bytes, each kept once: two that are made alike are the same, and what was found out about one is kept. Expressions are matched by
/// Brzozowski's derivatives: the derivative by a byte matches what may follow that byte. That is what makes <see cref="And"/> and <see cref="Not"/> cheap, and
/// counts of thousands. All that users of a store make are texts: whole characters in UTF-8. One thread at a time uses a store.
/// </summary>
internal sealed partial class RegexStore
{
    // Alternatives that begin alike are joined, which makes tries of lists of words; this deep at once: what is left is joined when it comes to it.
    private const int DeepestFactor = 100;

    // Lists of words that are longer take less room as they are.
    private const int MostLiterals = 32;

    private readonly List<RegexNode> _nodes = [];
    private readonly HashSet<RegexNode> _interned = [];
    private readonly ByteClassStore _classes = new();

    /// <summary>A store that holds no more than what every store does.</summary>
    public RegexStore()
    {
        Nothing = Add(new(RegexKind.Nothing, []), isNullable: false);
        Empty = Add(new(RegexKind.Empty, []), isNullable: true);
        Everything = Complement(Nothing);
        AnyChar = Chars([(0, 0x10FFFF)]);
        AnyText = Repeat(AnyChar, 0, null);
    }

    /// <summary>Matches no text.</summary>
    public Regex Nothing { get; }

    /// <summary>Matches the empty text.</summary>
    public Regex Empty { get; }

    /// <summary>Any one character, in UTF-8.</summary>
    public Regex AnyChar { get; }

    /// <summary>Any text in UTF-8.</summary>
    public Regex AnyText { get; }

    /// <summary>What may still be done until the work counts as too much; whoever calls sets it.</summary>
    public Budget Budget { get; } = new();

    /// <summary>How many expressions it holds.</summary>
    public int Count => _nodes.Count;

    /// <summary>How many it holds, those of many operands counted more than once.</summary>
    public long Size { get; private set; }

    // Any bytes, in UTF-8 or not.
    private Regex Everything { get; }

    /// <summary>A text.</summary>
    public Regex Literal(string text) => Literal(Encoding.UTF8.GetBytes(text));

    /// <summary>Some bytes in their order.</summary>
    public Regex Literal(ReadOnlySpan<byte> bytes)
    {
        Regex result = Empty;
        for (int i = bytes.Length - 1; i >= 0; i--) result = Concat(Bytes(ByteSet.Of(bytes[i])), result);
        return result;
    }

    /// <summary>One byte of a set.</summary>
    public Regex Bytes(ByteSet set) => set.IsEmpty ? Nothing : Intern(new(RegexKind.Bytes, [], set), isNullable: false);

    /// <summary>One character of some ranges of code points; halves of surrogate pairs are none.</summary>
    public Regex Chars(IReadOnlyList<(int First, int Last)> ranges)
    {
        List<Regex> options = [];
        foreach ((int first, int last) in ranges)
        {
            AddUtf8(first, last, 0, 0x7F, 1, 0, options);
            AddUtf8(first, last, 0x80, 0x7FF, 2, 0xC0, options);
            AddUtf8(first, last, 0x800, 0xD7FF, 3, 0xE0, options);
            AddUtf8(first, last, 0xE000, 0xFFFF, 3, 0xE0, options);
            AddUtf8(first, last, 0x10000, 0x10FFFF, 4, 0xF0, options);
        }

        Regex regex = Or([.. options]);
        if (CharGroups.HoldNotAscii(ranges)) _holdNotAscii.Add(regex.Id);
        return regex;
    }

    /// <summary>Several, one after the other.</summary>
    public Regex Concat(params ReadOnlySpan<Regex> parts)
    {
        Regex result = Empty;
        for (int i = parts.Length - 1; i >= 0; i--) result = Concat(parts[i], result);
        return result;
    }

    /// <summary>One of several; of none: nothing.</summary>
    public Regex Or(params ReadOnlySpan<Regex> options) => Or(options, 0);

    /// <summary>All of several at once; of none: any text.</summary>
    public Regex And(params ReadOnlySpan<Regex> parts)
    {
        if (parts.IsEmpty) return AnyText;
        SortedSet<int> operands = [];
        List<int> json = [];
        ByteSet set = ByteSet.All;
        bool hasSet = false;
        Stack<int> left = new();
        foreach (Regex part in parts) left.Push(part.Id);
        while (left.TryPop(out int id))
        {
            RegexNode node = _nodes[id];
            switch (node.Kind)
            {
                case RegexKind.Nothing: return Nothing;
                case RegexKind.And: foreach (int operand in node.Operands) left.Push(operand); break;
                case RegexKind.Bytes: (set, hasSet) = (set & node.Set, true); break;
                // Both see one value: it is in both contents.
                case RegexKind.JsonText: json.Add(node.Operands[0]); break;
                default: if (id != Everything.Id) operands.Add(id); break;
            }
        }

        if (hasSet && set.IsEmpty) return Nothing;
        if (hasSet) operands.Add(Bytes(set).Id);
        if (json.Count > 0) operands.Add(JsonText(json.Count == 1 ? new(json[0]) : And([.. json.Select(id => new Regex(id))])).Id);
        if (operands.Contains(Nothing.Id)) return Nothing;
        if (operands.Contains(Empty.Id)) return operands.All(id => _nodes[id].IsNullable) ? Empty : Nothing;
        if (operands.Any(id => _nodes[id] is { Kind: RegexKind.Complement } node && operands.Contains(node.Operands[0]))) return Nothing;
        if (operands.Any(id => id != AnyText.Id && IsText(id))) operands.Remove(AnyText.Id);
        return operands.Count switch
        {
            0 => Everything,
            1 => new(operands.Min),
            _ => Intern(new(RegexKind.And, [.. operands]), operands.All(id => _nodes[id].IsNullable)),
        };
    }

    /// <summary>Every text that an expression does not match.</summary>
    public Regex Not(Regex regex) => And(AnyText, Complement(regex));

    /// <summary>An expression several times.</summary>
    /// <param name="item">What is repeated.</param>
    /// <param name="min">How often at least.</param>
    /// <param name="max">How often at most; null for any number of times.</param>
    public Regex Repeat(Regex item, int min, int? max)
    {
        RegexNode node = _nodes[item.Id];
        if (max is int most && most < min) return Nothing;
        if (node.IsNullable) min = 0;
        if (item == Empty || max == 0 || (item == Nothing && min == 0)) return Empty;
        if (item == Nothing || (min == 1 && max == 1)) return item;
        // Up to m, up to n times, is up to m times n.
        if (node is { Kind: RegexKind.Repeat, Min: 0 } && (long?)node.Max * max is null or <= int.MaxValue) return Repeat(new(node.Operands[0]), 0, node.Max * max);
        return Intern(new(RegexKind.Repeat, [item.Id], default, min, max), isNullable: min == 0);
    }

    /// <summary>
    /// What stands between the quotes of a JSON string whose value an expression matches, in every way to write it: with <c>\n</c>, <c>\u00e9</c> and the like,
    /// or as it is where JSON allows that.
    /// </summary>
    public Regex JsonText(Regex content) =>
        content == Nothing || content == Empty ? content : Intern(new(RegexKind.JsonText, [content.Id]), _nodes[content.Id].IsNullable);

    /// <summary>One of some texts, however many.</summary>
    public Regex Words(IReadOnlyCollection<string> words) =>
        words.Count <= MostLiterals ? Or([.. words.Select(Literal)]) : Machine(WordMachine.Of(words.Select(Encoding.UTF8.GetBytes)));

    /// <summary>What a machine takes.</summary>
    public Regex Machine(IByteMachine machine) => Intern(new(RegexKind.Machine, [], machine: machine), machine.IsNullable);

    /// <summary>Whether an expression matches the empty text.</summary>
    public bool IsNullable(Regex regex) => _nodes[regex.Id].IsNullable;

    private Regex Concat(Regex first, Regex second)
    {
        if (first == Nothing || second == Nothing) return Nothing;
        if (first == Empty) return second;
        if (second == Empty) return first;
        List<int> parts = [];
        int head = first.Id;
        for (; _nodes[head].Kind == RegexKind.Concat; head = _nodes[head].Operands[1]) parts.Add(_nodes[head].Operands[0]);
        parts.Add(head);
        int result = second.Id;
        for (int i = parts.Count - 1; i >= 0; i--)
            result = Intern(new(RegexKind.Concat, [parts[i], result]), _nodes[parts[i]].IsNullable && _nodes[result].IsNullable).Id;
        return new(result);
    }

    private Regex Or(ReadOnlySpan<Regex> options, int depth)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if (options.Length == 1) return options[0];
        // What follows each head: heads that come more than once are joined.
        SortedDictionary<int, List<int>> tails = [];
        ByteSet set = default;
        List<int> json = [];
        Stack<int> left = new();
        foreach (Regex option in options) left.Push(option.Id);
        while (left.TryPop(out int id))
        {
            RegexNode node = _nodes[id];
            switch (node.Kind)
            {
                case RegexKind.Nothing: break;
                case RegexKind.Or: foreach (int operand in node.Operands) left.Push(operand); break;
                case RegexKind.Bytes: set |= node.Set; break;
                case RegexKind.JsonText: json.Add(node.Operands[0]); break;
                case RegexKind.Concat when depth < DeepestFactor: AddTail(node.Operands[0], node.Operands[1]); break;
                default: if (id == Everything.Id) return Everything; else AddTail(id, Empty.Id); break;
            }
        }

        if (json.Count > 0) AddTail(JsonText(Or([.. json.Select(id => new Regex(id))], depth + 1)).Id, Empty.Id);
        if (!set.IsEmpty) AddTail(Bytes(set).Id, Empty.Id);
        SortedSet<int> operands = [];
        foreach ((int head, List<int> rests) in tails)
            operands.Add(rests.Count == 1 ? Concat(new(head), new(rests[0])).Id : Concat(new(head), Or([.. rests.Distinct().Select(id => new Regex(id))], depth + 1)).Id);
        if (operands.Count > 1 && operands.Any(id => id != Empty.Id && _nodes[id].IsNullable)) operands.Remove(Empty.Id);
        if (operands.Contains(AnyText.Id)) operands.RemoveWhere(id => id != AnyText.Id && IsText(id));
        return operands.Count switch
        {
            0 => Nothing,
            1 => new(operands.Min),
            _ => Intern(new(RegexKind.Or, [.. operands]), operands.Any(id => _nodes[id].IsNullable)),
        };

        void AddTail(int head, int tail)
        {
            if (!tails.TryGetValue(head, out List<int>? list)) tails.Add(head, list = []);
            list.Add(tail);
        }
    }

    private Regex Complement(Regex regex)
    {
        RegexNode node = _nodes[regex.Id];
        return node.Kind == RegexKind.Complement ? new(node.Operands[0]) : Intern(new(RegexKind.Complement, [regex.Id]), !node.IsNullable);
    }

    private void AddUtf8(int first, int last, int least, int greatest, int length, int lead, List<Regex> options)
    {
        (first, last) = (Math.Max(first, least), Math.Min(last, greatest));
        if (first > last) return;
        foreach ((int First, int Last)[] digits in DigitRanges.Split(first, last, length, 6))
        {
            Regex[] bytes = [.. digits.Select((digit, i) => Bytes(ByteSet.Range(digit.First | (i == 0 ? lead : 0x80), digit.Last | (i == 0 ? lead : 0x80))))];
            options.Add(Concat(bytes));
        }
    }

    // Expressions are made of whole characters, or are what is left of such: one that does not begin amid a character matches only whole texts.
    private bool IsText(int id) => (_nodes[id].FirstBytes & Following).IsEmpty;

    private ByteSet FirstBytes(RegexNode node)
    {
        ByteSet Of(int operand) => _nodes[node.Operands[operand]].FirstBytes;
        return node.Kind switch
        {
            RegexKind.Nothing or RegexKind.Empty => default,
            RegexKind.Bytes => node.Set,
            RegexKind.Concat => _nodes[node.Operands[0]].IsNullable ? Of(0) | Of(1) : Of(0),
            RegexKind.Or => node.Operands.Aggregate(default(ByteSet), (set, id) => set | _nodes[id].FirstBytes),
            RegexKind.And => node.Operands.Aggregate(ByteSet.All, (set, id) => set & _nodes[id].FirstBytes),
            RegexKind.Complement => ByteSet.All,
            RegexKind.Machine => node.Machine!.First,
            RegexKind.Repeat => Of(0),
            _ => Of(0) | Backslash,
        };
    }

    private static bool NeedsSearch(RegexKind kind) => kind is RegexKind.And or RegexKind.Complement or RegexKind.Machine;

    private Regex Intern(RegexNode node, bool isNullable) => _interned.TryGetValue(node, out RegexNode? known) ? new(known.Id) : Add(node, isNullable);

    private Regex Add(RegexNode node, bool isNullable)
    {
        Budget.Spend(Math.Max(1, node.Operands.Length - 1));
        Size += 1 + node.Operands.Length / 16;
        node.Id = _nodes.Count;
        node.IsNullable = isNullable;
        node.FirstBytes = FirstBytes(node);
        node.HasBoolean = NeedsSearch(node.Kind) || node.Operands.Any(id => _nodes[id].HasBoolean);
        if (!node.HasBoolean) node.IsNothing = node.Kind == RegexKind.Nothing;
        _nodes.Add(node);
        _interned.Add(node);
        return new(node.Id);
    }
}
