using System.Runtime.CompilerServices;

namespace Gemma2.Grammars.Regexes;

/// <summary>Derivatives, and whether anything matches at all.</summary>
internal sealed partial class RegexStore
{
    private static readonly ByteSet Quote = ByteSet.Of((byte)'"');
    private static readonly ByteSet Backslash = ByteSet.Of((byte)'\\');
    private static readonly ByteSet Following = ByteSet.Range(0x80, 0xBF);
    private static readonly ByteSet Controls = ByteSet.Range(0, 0x1F);

    /// <summary>What may follow a byte: matches the texts that an expression matches when the byte stands before them.</summary>
    public Regex Derive(Regex regex, byte value)
    {
        RegexNode node = _nodes[regex.Id];
        switch (node.Kind)
        {
            case RegexKind.Nothing or RegexKind.Empty: return Nothing;
            case RegexKind.Bytes: return node.Set.Contains(value) ? Empty : Nothing;
            case RegexKind.Machine when !node.Machine!.First.Contains(value): return Nothing;
            case RegexKind.Concat when _nodes[node.Operands[0]].Kind == RegexKind.Bytes: return _nodes[node.Operands[0]].Set.Contains(value) ? new(node.Operands[1]) : Nothing;
        }

        ByteClasses classes = Classes(regex);
        if (node.Derivatives is null) Array.Fill(node.Derivatives = new int[classes.Count], -1);
        ref int derivative = ref node.Derivatives[classes.Map[value]];
        if (derivative < 0)
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            Budget.Spend(Math.Max(1, node.Operands.Length - 1));
            derivative = Compute(node, value).Id;
        }

        return new(derivative);
    }

    /// <summary>The bytes that an expression tells apart: those of a class have one derivative.</summary>
    public ByteClasses Classes(Regex regex)
    {
        RegexNode node = _nodes[regex.Id];
        if (node.Classes is { } known) return known;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        ByteClasses classes = node.Kind switch
        {
            RegexKind.Bytes => _classes.Of(node.Set),
            RegexKind.Machine => _classes.Each(node.Machine!.First),
            RegexKind.JsonText => _classes.Join(_classes.Of(Backslash), _classes.Of(Quote | Controls)),
            _ => _classes.One,
        };
        // What follows in a Concat is seen only where what comes first may be empty.
        int seen = node.Kind == RegexKind.Concat && !_nodes[node.Operands[0]].IsNullable ? 1 : node.Operands.Length;
        for (int i = 0; i < seen; i++) classes = _classes.Join(classes, Classes(new(node.Operands[i])));
        return node.Classes = classes;
    }

    /// <summary>The coarsest division that is finer than two.</summary>
    public ByteClasses Join(ByteClasses left, ByteClasses right) => _classes.Join(left, right);

    /// <summary>Whether an expression matches no text at all. Exact: where And, Not or a machine is in it, derivatives are followed until one matches or none are left.</summary>
    public bool IsNothing(Regex regex)
    {
        RegexNode node = _nodes[regex.Id];
        if (node.IsNullable) return false;
        if (node.IsNothing is bool known) return known;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        bool isNothing = node.Kind switch
        {
            RegexKind.Concat => node.Operands.Any(id => IsNothing(new(id))),
            RegexKind.Or => node.Operands.All(id => IsNothing(new(id))),
            RegexKind.Repeat or RegexKind.JsonText => IsNothing(new(node.Operands[0])),
            _ => !Reaches(node),
        };
        _nodes[regex.Id].IsNothing = isNothing;
        return isNothing;
    }

    // Depth first over derivatives, with the way to where it is: when one matches something, so do all on the way.
    private bool Reaches(RegexNode start)
    {
        HashSet<int> seen = [start.Id];
        Stack<(RegexNode Node, int Next)> way = new([(start, 0)]);
        while (way.TryPop(out (RegexNode Node, int Next) top))
        {
            ByteClasses classes = Classes(new(top.Node.Id));
            if (top.Next == classes.Count) continue;
            way.Push((top.Node, top.Next + 1));
            Regex derivative = Derive(new(top.Node.Id), classes.Examples[top.Next]);
            RegexNode node = _nodes[derivative.Id];
            if (!seen.Add(node.Id)) continue;
            if (node.IsNullable || (NeedsSearch(node.Kind) ? node.IsNothing == false : !IsNothing(derivative)))
            {
                foreach ((RegexNode passed, _) in way) passed.IsNothing = false;
                return true;
            }

            if (NeedsSearch(node.Kind) && node.IsNothing is null) way.Push((node, 0));
        }

        foreach (int id in seen) _nodes[id].IsNothing = true;
        return false;
    }

    private Regex Compute(RegexNode node, byte value)
    {
        switch (node.Kind)
        {
            case RegexKind.Concat:
                Regex first = new(node.Operands[0]), rest = new(node.Operands[1]);
                Regex through = Concat(Derive(first, value), rest);
                return IsNullable(first) ? Or(through, Derive(rest, value)) : through;
            case RegexKind.Or: return Or(DeriveAll(node, value));
            case RegexKind.And: return And(DeriveAll(node, value));
            case RegexKind.Complement: return Complement(Derive(new(node.Operands[0]), value));
            case RegexKind.Machine: return Machine(node.Machine!.Next(value));
            case RegexKind.Repeat:
                Regex item = new(node.Operands[0]);
                return Concat(Derive(item, value), Repeat(item, Math.Max(node.Min - 1, 0), node.Max - 1));
            default:
                Regex content = new(node.Operands[0]);
                if (value == '\\') return Escapes(content);
                return value == '"' || value < 0x20 ? Nothing : JsonText(Derive(content, value));
        }
    }

    private Regex[] DeriveAll(RegexNode node, byte value) => [.. node.Operands.Select(id => Derive(new(id), value))];
}
