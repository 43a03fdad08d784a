using System.Runtime.CompilerServices;

namespace Gemma2.Grammars.Regexes;

/// <summary>Derivatives by any of the characters past ASCII at once, for expressions that do not tell them apart.</summary>
internal sealed partial class RegexStore
{
    private readonly HashSet<int> _holdNotAscii = [];
    private readonly Dictionary<int, Regex?> _notAscii = [];

    /// <summary>What may follow, whichever of the plain characters past U+007F comes first; null where that depends on the character, or cannot be told without trying each.</summary>
    public Regex? DeriveNotAscii(Regex regex)
    {
        RegexNode node = _nodes[regex.Id];
        if ((node.FirstBytes & CharGroups.Leads).IsEmpty) return Nothing;
        if (_holdNotAscii.Contains(regex.Id)) return Empty;
        if (node.Kind is RegexKind.Bytes or RegexKind.Machine) return null;
        if (_notAscii.TryGetValue(regex.Id, out Regex? known)) return known;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        Budget.Spend(1);
        Regex? derivative = ComputeNotAscii(node);
        _notAscii.Add(regex.Id, derivative);
        return derivative;
    }

    private Regex? ComputeNotAscii(RegexNode node)
    {
        Regex[] derivatives = new Regex[node.Operands.Length];
        Array.Fill(derivatives, Nothing);
        // What follows in a Concat counts only where what comes first may be empty.
        int seen = node.Kind == RegexKind.Concat && !_nodes[node.Operands[0]].IsNullable ? 1 : node.Operands.Length;
        for (int i = 0; i < seen; i++)
        {
            if (DeriveNotAscii(new(node.Operands[i])) is not { } derivative) return null;
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
}
