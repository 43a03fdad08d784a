using System.Runtime.CompilerServices;

namespace Gemma2.Grammars.Regexes;

/// <summary>Derivatives by any of the plain characters, for expressions that do not tell them apart.</summary>
internal sealed partial class RegexStore
{
    private readonly List<HashSet<int>> _holdPlain = [.. PlainChars.Sets.Select(_ => new HashSet<int>())];
    private readonly List<Dictionary<int, Regex?>> _plainDerivatives = [.. PlainChars.Sets.Select(_ => new Dictionary<int, Regex?>())];

    /// <summary>What may follow, whichever of some characters comes first; null where that depends on the character, or cannot be told without trying each.</summary>
    public Regex? Derive(Regex regex, PlainChars chars)
    {
        RegexNode node = _nodes[regex.Id];
        if ((node.FirstBytes & chars.Leads).IsEmpty) return Nothing;
        if (_holdPlain[chars.Index].Contains(regex.Id)) return Empty;
        if (node.Kind is RegexKind.Bytes or RegexKind.Machine) return null;
        if (_plainDerivatives[chars.Index].TryGetValue(regex.Id, out Regex? known)) return known;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        Budget.Spend(1);
        Regex? derivative = Compute(node, chars);
        _plainDerivatives[chars.Index].Add(regex.Id, derivative);
        return derivative;
    }

    private Regex? Compute(RegexNode node, PlainChars chars)
    {
        Regex[] derivatives = new Regex[node.Operands.Length];
        for (int i = 0; i < derivatives.Length; i++)
        {
            // What follows in a Concat counts only where what comes first may be empty.
            if (node.Kind == RegexKind.Concat && i == 1 && !_nodes[node.Operands[0]].IsNullable) continue;
            if (Derive(new(node.Operands[i]), chars) is not { } derivative) return null;
            derivatives[i] = derivative;
        }

        return node.Kind switch
        {
            RegexKind.Concat => Or(Concat(derivatives[0], new(node.Operands[1])), derivatives[1]),
            RegexKind.Or => Or(derivatives),
            RegexKind.And => And(derivatives),
            RegexKind.Complement => Complement(derivatives[0]),
            RegexKind.Repeat => Concat(derivatives[0], Repeat(new(node.Operands[0]), Math.Max(node.Min - 1, 0), node.Max - 1)),
            _ => JsonText(derivatives[0]),
        };
    }

    private void NotePlainChars(Regex regex, IReadOnlyList<(int First, int Last)> ranges)
    {
        foreach (PlainChars chars in PlainChars.Sets)
        {
            if (chars.AreIn(ranges)) _holdPlain[chars.Index].Add(regex.Id);
        }
    }
}
