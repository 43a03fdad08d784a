using System.Buffers.Binary;

namespace Gemma2.Backend.Weights.Quantization;

/// <summary>[0, 2) scale; [2, 18) 32 nibbles. Value: table[q] * scale.</summary>
internal readonly struct IQ4_NL : IBlockFormat
{
    /// <inheritdoc/>
    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values) =>
        FourBitTable.Dequantize(block[2..], BlockBytes.Half(block, 0), values);
}

/// <summary>
/// [0, 2) scale of scales; [2, 4) upper two bits of the scales of 8 groups of 32; [4, 8) their lower four bits; [8, 136) each group's nibbles as in
/// <see cref="IQ4_NL"/>. Value: table[q] * (scale - 32) * scale of scales.
/// </summary>
internal readonly struct IQ4_XS : IBlockFormat
{
    private const int GroupSize = 32;

    /// <inheritdoc/>
    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float scales = BlockBytes.Half(block, 0);
        ushort upper = BinaryPrimitives.ReadUInt16LittleEndian(block[2..]);
        for (int group = 0; group < values.Length / GroupSize; group++)
        {
            int scale = (block[4 + (group / 2)] >> (group % 2 * 4) & 15) | (upper >> (group * 2) & 3) << 4;
            FourBitTable.Dequantize(block.Slice(8 + (group * 16), 16), scales * (scale - 32), values.Slice(group * GroupSize, GroupSize));
        }
    }
}

/// <summary>Numbers of four bits that stand for values which lie closer together around zero.</summary>
internal static class FourBitTable
{
    /// <summary>The values, rising. Source: kvalues_iq4nl in ggml-common.h.</summary>
    public static ReadOnlySpan<sbyte> Values => [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    /// <summary>Reads 32 numbers from 16 bytes.</summary>
    public static void Dequantize(ReadOnlySpan<byte> packed, float scale, Span<float> values)
    {
        Span<byte> quants = stackalloc byte[32];
        BlockBytes.UnpackNibbles(packed, quants);
        for (int i = 0; i < values.Length; i++) values[i] = Values[quants[i]] * scale;
    }
}
