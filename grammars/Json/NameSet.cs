namespace Gemma2.Grammars.Json;

/// <summary>Some of an object's members, by their numbers: a bit each. It compares by content.</summary>
internal readonly struct NameSet : IEquatable<NameSet>
{
    private readonly ulong[] _bits;

    private NameSet(ulong[] bits) => _bits = bits;

    /// <summary>The members of the first numbers.</summary>
    public static NameSet First(int count)
    {
        ulong[] bits = new ulong[(count + 63) / 64];
        for (int i = 0; i < count; i++) bits[i / 64] |= 1UL << (i % 64);
        return new(bits);
    }

    /// <summary>Whether a member is in it.</summary>
    public bool Contains(int member) => (_bits[member / 64] >> (member % 64) & 1) != 0;

    /// <summary>All but one.</summary>
    public NameSet Without(int member)
    {
        ulong[] bits = [.. _bits];
        bits[member / 64] &= ~(1UL << (member % 64));
        return new(bits);
    }

    /// <inheritdoc/>
    public bool Equals(NameSet other) => _bits.AsSpan().SequenceEqual(other._bits);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is NameSet other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        foreach (ulong word in _bits) hash.Add(word);
        return hash.ToHashCode();
    }
}
