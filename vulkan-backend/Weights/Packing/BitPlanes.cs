using System.Runtime.Intrinsics;

namespace Gemma2.Backend.Weights.Packing;

/// <summary>
/// Makes planes of narrow numbers as <see cref="WeightLayout"/> describes them. A chunk of 32 columns comes as eight quads: words of four neighbouring columns,
/// a byte each.
/// </summary>
internal static class BitPlanes
{
    /// <summary>32 numbers of 4 bits: 16 bytes.</summary>
    public static Vector128<uint> Nibbles(Vector256<uint> quads) => Pair(quads, 4);

    /// <summary>32 numbers of 2 bits: 8 bytes.</summary>
    public static ulong Crumbs(Vector256<uint> quads)
    {
        (uint low, uint high) = Pair(Pair(quads, 2), 4);
        return low | (ulong)high << 32;
    }

    /// <summary>32 numbers of 1 bit: 4 bytes.</summary>
    public static uint Bits(Vector256<uint> quads)
    {
        (uint low, uint high) = Pair(Pair(quads, 1), 2);
        return low | high << 4;
    }

    /// <summary>Bits in the order of their columns, as a plane keeps them: bit 4j + i goes to bit 8i + j.</summary>
    public static uint Bits(uint inOrder) => Unshuffle(Unshuffle(inOrder));

    /// <summary>Puts every second word above the one before it, shifted.</summary>
    private static Vector128<uint> Pair(Vector256<uint> words, int bits)
    {
        Vector256<ulong> pairs = words.AsUInt64();
        pairs |= pairs >>> (32 - bits);
        return Vector128.Narrow(pairs.GetLower(), pairs.GetUpper());
    }

    private static (uint Low, uint High) Pair(Vector128<uint> words, int bits)
    {
        Vector128<ulong> pairs = words.AsUInt64();
        pairs |= pairs >>> (32 - bits);
        return ((uint)pairs.ToScalar(), (uint)pairs.GetElement(1));
    }

    /// <summary>Even bits to the lower half, odd bits to the upper half. Source: Warren, Hacker's Delight, section 7-2.</summary>
    private static uint Unshuffle(uint x)
    {
        x = Swap(x, 1, 0x22222222);
        x = Swap(x, 2, 0x0c0c0c0c);
        x = Swap(x, 4, 0x00f000f0);
        return Swap(x, 8, 0x0000ff00);
    }

    private static uint Swap(uint x, int distance, uint mask)
    {
        uint change = (x ^ x >> distance) & mask;
        return x ^ change ^ change << distance;
    }
}
