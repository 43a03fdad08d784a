namespace Gemma2.Grammars.Regexes;

/// <summary>A regular expression as ECMA-262 writes it, read. Two compare by being the same place in the pattern.</summary>
internal abstract class EcmaNode
{
    private EcmaNode()
    {
    }

    /// <summary>Whether what it matches depends on what stands around it.</summary>
    public abstract bool LooksAround { get; }

    /// <summary>One character of a set.</summary>
    public sealed class Character(CodePoints set) : EcmaNode
    {
        public CodePoints Set => set;

        public override bool LooksAround => false;
    }

    /// <summary>One after the other.</summary>
    public sealed class Concat(IReadOnlyList<EcmaNode> parts) : EcmaNode
    {
        public IReadOnlyList<EcmaNode> Parts => parts;

        public override bool LooksAround { get; } = parts.Any(part => part.LooksAround);
    }

    /// <summary>One of several.</summary>
    public sealed class Either(IReadOnlyList<EcmaNode> options) : EcmaNode
    {
        public IReadOnlyList<EcmaNode> Options => options;

        public override bool LooksAround { get; } = options.Any(option => option.LooksAround);
    }

    /// <summary>One several times; no greatest number means any.</summary>
    public sealed class Repeat(EcmaNode item, int min, int? max) : EcmaNode
    {
        public EcmaNode Item => item;

        public int Min => min;

        public int? Max => max;

        public override bool LooksAround { get; } = item.LooksAround;
    }

    /// <summary><c>^</c>.</summary>
    public sealed class Start : EcmaNode
    {
        public override bool LooksAround => true;
    }

    /// <summary><c>$</c>.</summary>
    public sealed class End : EcmaNode
    {
        public override bool LooksAround => true;
    }

    /// <summary><c>\b</c>, or <c>\B</c> where it is negated.</summary>
    public sealed class WordBoundary(bool negated) : EcmaNode
    {
        public bool Negated => negated;

        public override bool LooksAround => true;
    }

    /// <summary><c>(?=...)</c>, or <c>(?!...)</c> where it is negated.</summary>
    public sealed class Lookahead(EcmaNode inner, bool negated) : EcmaNode
    {
        public EcmaNode Inner => inner;

        public bool Negated => negated;

        public override bool LooksAround => true;
    }
}
