using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>
/// [0, 32) third bits: bit g of byte l is that of number 32 g + l; [32, 96) 256 quants' lower two bits; [96, 108) 16 scales of six bits, one for each group of 16;
/// [108, 110) scale of scales. Value: (q - 4) * (scale - 32) * scale of scales.
/// </summary>
internal readonly struct Q3_K : IBlockFormat, ILevels
{
    private const int GroupSize = 16;

    /// <inheritdoc/>
    public static float Lowest => -4;

    /// <inheritdoc/>
    public static float Highest => 3;

    /// <inheritdoc/>
    public static Vector256<float> Nearest(Vector256<float> values) => WholeNumbers.Nearest<Q3_K>(values);

    /// <inheritdoc/>
    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float scales = BlockBytes.Half(block, 108);
        Span<byte> quants = stackalloc byte[256];
        TwoBits.Unpack(block[32..96], quants);
        for (int i = 0; i < values.Length; i++)
        {
            int quant = quants[i] | (block[i % 32] >> (i / 32) & 1) << 2;
            values[i] = scales * (Scale(block[96..108], i / GroupSize) - 32) * (quant - 4);
        }
    }

    /// <inheritdoc/>
    public static void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, Span<byte> block)
    {
        const int Groups = 16;
        Span<float> scale = stackalloc float[Groups];
        for (int group = 0; group < Groups; group++) scale[group] = ScaleSearch.AroundZero<Q3_K>(values.Slice(group * GroupSize, GroupSize), ImportanceWeights.OfGroup(weights, group, GroupSize));

        float scales = BlockBytes.WriteScale(block, 108, scale[TensorPrimitives.IndexOfMaxMagnitude<float>(scale)] / -32);
        Span<byte> quants = stackalloc byte[256];
        block[96..108].Clear();
        for (int group = 0; group < Groups; group++)
        {
            int groupScale = BlockBytes.Round(scale[group] * BlockBytes.Inverse(scales), -32, 31);
            SetScale(block[96..108], group, groupScale + 32);
            BlockBytes.RoundAll(values.Slice(group * GroupSize, GroupSize), scales * groupScale, 4, quants.Slice(group * GroupSize, GroupSize));
        }
        BlockBytes.PackBits(quants, bit: 2, block[..32]);
        TwoBits.Pack(quants, lowestBit: 0, block[32..96]);
    }

    /// <summary>A group's scale, from 0 to 63: its lower four bits are a nibble of the first 8 bytes, the upper two lie in the last 4.</summary>
    private static int Scale(ReadOnlySpan<byte> packed, int group) =>
        (packed[group % 8] >> (group / 8 * 4) & 15) | (packed[8 + (group % 4)] >> (group / 4 * 2) & 3) << 4;

    private static void SetScale(Span<byte> packed, int group, int scale)
    {
        packed[group % 8] |= (byte)((scale & 15) << (group / 8 * 4));
        packed[8 + (group % 4)] |= (byte)(scale >> 4 << (group / 4 * 2));
    }
}
