using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>[0, 2) scale; [2, 18) 32 nibbles. Value: table[q] * scale.</summary>
internal readonly struct IQ4_NL : IBlockFormat
{
    /// <inheritdoc/>
    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values) =>
        FourBitTable.Dequantize(block[2..], BlockBytes.Half(block, 0), values);

    /// <inheritdoc/>
    public static void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, Span<byte> block) =>
        FourBitTable.Quantize(values, BlockBytes.WriteScale(block, 0, ScaleSearch.AroundZero<FourBitTable>(values, weights)), block[2..]);

    /// <inheritdoc/>
    public static void Weigh(ReadOnlySpan<float> row, ReadOnlySpan<float> importance, Span<float> weights) =>
        ImportanceWeights.ByMagnitude(row, importance, run: 32, share: 2, weights);
}

/// <summary>
/// [0, 2) scale of scales; [2, 4) upper two bits of the scales of 8 groups of 32; [4, 8) their lower four bits; [8, 136) each group's nibbles as in
/// <see cref="IQ4_NL"/>. Value: table[q] * (scale - 32) * scale of scales.
/// </summary>
internal readonly struct IQ4_XS : IBlockFormat
{
    private const int GroupSize = 32;
    private const int Groups = 8;

    /// <inheritdoc/>
    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float scales = BlockBytes.Half(block, 0);
        ushort upper = BinaryPrimitives.ReadUInt16LittleEndian(block[2..]);
        for (int group = 0; group < Groups; group++)
        {
            int scale = (block[4 + (group / 2)] >> (group % 2 * 4) & 15) | (upper >> (group * 2) & 3) << 4;
            FourBitTable.Dequantize(block.Slice(8 + (group * 16), 16), scales * (scale - 32), values.Slice(group * GroupSize, GroupSize));
        }
    }

    /// <inheritdoc/>
    public static void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, Span<byte> block)
    {
        Span<float> scale = stackalloc float[Groups];
        for (int group = 0; group < Groups; group++) scale[group] = ScaleSearch.AroundZero<FourBitTable>(values.Slice(group * GroupSize, GroupSize), ImportanceWeights.OfGroup(weights, group, GroupSize));

        float scales = BlockBytes.WriteScale(block, 0, scale[TensorPrimitives.IndexOfMaxMagnitude<float>(scale)] / -32);
        int upper = 0;
        block[4..8].Clear();
        for (int group = 0; group < Groups; group++)
        {
            int groupScale = BlockBytes.Round(scale[group] * BlockBytes.Inverse(scales), -32, 31);
            block[4 + (group / 2)] |= (byte)(((groupScale + 32) & 15) << (group % 2 * 4));
            upper |= (groupScale + 32) >> 4 << (group * 2);
            FourBitTable.Quantize(values.Slice(group * GroupSize, GroupSize), scales * groupScale, block.Slice(8 + (group * 16), 16));
        }
        BinaryPrimitives.WriteUInt16LittleEndian(block[2..], (ushort)upper);
    }
}

/// <summary>Numbers of four bits that stand for values which lie closer together around zero.</summary>
internal readonly struct FourBitTable : ILevels
{
    /// <summary>The values, rising. Source: kvalues_iq4nl in ggml-common.h.</summary>
    public static ReadOnlySpan<sbyte> Values => [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    /// <inheritdoc/>
    public static float Lowest => Values[0];

    /// <inheritdoc/>
    public static float Highest => Values[^1];

    /// <inheritdoc/>
    public static float SearchStep => 1;

    /// <inheritdoc/>
    public static Vector256<float> Nearest(Vector256<float> values)
    {
        Vector256<float> nearest = Vector256.Create(Lowest);
        for (int i = 1; i < Values.Length; i++)
            nearest = Vector256.ConditionalSelect(IsAbove(values, i), Vector256.Create((float)Values[i]), nearest);
        return nearest;
    }

    /// <summary>Reads 32 numbers from 16 bytes.</summary>
    public static void Dequantize(ReadOnlySpan<byte> packed, float scale, Span<float> values)
    {
        Span<byte> quants = stackalloc byte[32];
        BlockBytes.UnpackNibbles(packed, quants);
        for (int i = 0; i < values.Length; i++) values[i] = Values[quants[i]] * scale;
    }

    /// <summary>Writes 32 numbers into 16 bytes.</summary>
    public static void Quantize(ReadOnlySpan<float> values, float scale, Span<byte> packed)
    {
        Span<byte> quants = stackalloc byte[32];
        Vector256<float> inverse = Vector256.Create(BlockBytes.Inverse(scale));
        for (int first = 0; first < values.Length; first += Vector256<float>.Count)
        {
            Vector256<float> x = Vector256.Create(values[first..]) * inverse;
            Vector256<int> index = default;
            for (int i = 1; i < Values.Length; i++) index -= IsAbove(x, i).AsInt32();
            for (int i = 0; i < Vector256<float>.Count; i++) quants[first + i] = (byte)index[i];
        }
        BlockBytes.PackNibbles(quants, packed);
    }

    /// <summary>All bits set where a number is at least half-way from value <paramref name="index"/> - 1 to value <paramref name="index"/>.</summary>
    private static Vector256<float> IsAbove(Vector256<float> values, int index) =>
        Vector256.GreaterThanOrEqual(values, Vector256.Create((Values[index - 1] + Values[index]) * 0.5f));
}
