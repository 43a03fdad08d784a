using System.Buffers.Binary;

namespace Gemma2.Backend.Weights.Quantization;

/// <summary>Parts that blocks of several formats are made of.</summary>
internal static class BlockBytes
{
    /// <summary>A scale or minimum: binary16.</summary>
    public static float Half(ReadOnlySpan<byte> block, int offset) => (float)BinaryPrimitives.ReadHalfLittleEndian(block[offset..]);

    /// <summary>Spreads bytes over their nibbles: all lower ones, then all upper ones.</summary>
    /// <param name="packed">[n].</param>
    /// <param name="quants">[2 n].</param>
    public static void UnpackNibbles(ReadOnlySpan<byte> packed, Span<byte> quants)
    {
        for (int i = 0; i < packed.Length; i++)
        {
            quants[i] = (byte)(packed[i] & 15);
            quants[packed.Length + i] = (byte)(packed[i] >> 4);
        }
    }
}
