namespace Gemma2.Grammars.Regexes;

/// <summary>What an expression is made by.</summary>
internal enum RegexKind : byte
{
    /// <summary>Matches no text.</summary>
    Nothing,

    /// <summary>Matches the empty text.</summary>
    Empty,

    /// <summary>One byte of a set.</summary>
    Bytes,

    /// <summary>Two, one after the other; the first is no <see cref="Concat"/>.</summary>
    Concat,

    /// <summary>One of several.</summary>
    Or,

    /// <summary>All of several.</summary>
    And,

    /// <summary>Every sequence of bytes that the operand does not match.</summary>
    Complement,

    /// <summary>The operand several times.</summary>
    Repeat,

    /// <summary>What stands between the quotes of a JSON string whose value the operand matches.</summary>
    JsonText,

    /// <summary>What a <see cref="IByteMachine"/> takes.</summary>
    Machine,
}

/// <summary>One expression of a <see cref="RegexStore"/>, with what is known about it. It compares by what it is made of.</summary>
internal sealed class RegexNode : IEquatable<RegexNode>
{
    private readonly int _hash;

    public RegexNode(RegexKind kind, int[] operands, ByteSet set = default, int min = 0, int? max = null, IByteMachine? machine = null)
    {
        (Kind, Operands, Set, Min, Max, Machine) = (kind, operands, set, min, max, machine);
        HashCode hash = default;
        hash.Add(kind);
        hash.Add(set);
        hash.Add(min);
        hash.Add(max);
        hash.Add(machine);
        foreach (int operand in operands) hash.Add(operand);
        _hash = hash.ToHashCode();
    }

    public RegexKind Kind { get; }

    /// <summary>Ids of what it is made of; sorted where the order says nothing.</summary>
    public int[] Operands { get; }

    /// <summary>Which bytes, for <see cref="RegexKind.Bytes"/>.</summary>
    public ByteSet Set { get; }

    /// <summary>How often at least, for <see cref="RegexKind.Repeat"/>.</summary>
    public int Min { get; }

    /// <summary>How often at most, for <see cref="RegexKind.Repeat"/>; null for any number of times.</summary>
    public int? Max { get; }

    /// <summary>The machine, for <see cref="RegexKind.Machine"/>.</summary>
    public IByteMachine? Machine { get; }

    /// <summary>Its place in the store.</summary>
    public int Id { get; set; }

    /// <summary>Whether it matches the empty text.</summary>
    public bool IsNullable { get; set; }

    /// <summary>With which bytes texts may begin, or more.</summary>
    public ByteSet FirstBytes { get; set; }

    /// <summary>Whether And, Complement or a machine is in it: only then can it match nothing without being <see cref="RegexKind.Nothing"/>.</summary>
    public bool HasBoolean { get; set; }

    /// <summary>Whether it matches no text at all; null while nobody has looked.</summary>
    public bool? IsNothing { get; set; }

    /// <summary>Which bytes lead to one derivative; null while nobody has looked.</summary>
    public ByteClasses? Classes { get; set; }

    /// <summary>The derivatives by class, -1 for those not made yet; null where none was made.</summary>
    public int[]? Derivatives { get; set; }

    public bool Equals(RegexNode? other) =>
        other is not null && _hash == other._hash && Kind == other.Kind && Set == other.Set && Min == other.Min && Max == other.Max && Equals(Machine, other.Machine) && Operands.AsSpan().SequenceEqual(other.Operands);

    public override bool Equals(object? obj) => Equals(obj as RegexNode);

    public override int GetHashCode() => _hash;
}
