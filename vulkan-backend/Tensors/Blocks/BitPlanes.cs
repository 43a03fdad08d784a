using System.Runtime.Intrinsics;

namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>
/// Makes planes of narrow numbers of device order. A chunk of 32 columns comes as eight quads: words of four neighbouring columns,
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

    /// <summary>32 numbers of 1 bit: 4 bytes. Bit 8i + j is that of column 4j + i.</summary>
    public static uint Bits(Vector256<uint> quads) => NonZero(Vector256.Shuffle(
        quads.AsByte(), Vector256.Create(0x1c1814100c080400ul, 0x1d1915110d090501ul, 0x1e1a16120e0a0602ul, 0x1f1b17130f0b0703ul).AsByte()));

    /// <summary>The same from bits in the order of their columns: that of column 4j + i is bit 4 (j % 2) + i of byte j / 2.</summary>
    public static uint Bits(uint inOrder) => NonZero(
        Vector256.Shuffle(Vector256.Create(inOrder).AsByte(), Vector256.Create(0x0303020201010000ul).AsByte())
        & Vector256.Create(0x1001100110011001ul, 0x2002200220022002ul, 0x4004400440044004ul, 0x8008800880088008ul).AsByte());

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

    /// <summary>A bit for each byte that is not zero.</summary>
    private static uint NonZero(Vector256<byte> bytes) => ~Vector256.Equals(bytes, Vector256<byte>.Zero).ExtractMostSignificantBits();
}
