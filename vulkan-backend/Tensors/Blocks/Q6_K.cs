using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>
/// [0, 128) lower four bits; [128, 192) upper <see cref="TwoBits"/>; [192, 208) a signed byte of scale for each group of 16; [208, 210) scale of scales.
/// Of each half of 128 numbers, 64 bytes hold the lower bits: the first 64 numbers' as lower nibbles, the others' as upper ones.
/// Value: (q - 32) * scale * scale of scales.
/// </summary>
internal readonly struct Q6_K : IBlockFormat, ILevels
{
    private const int GroupSize = 16;

    /// <inheritdoc/>
    public static float Lowest => -32;

    /// <inheritdoc/>
    public static float Highest => 31;

    /// <inheritdoc/>
    public static Vector256<float> Nearest(Vector256<float> values) => WholeNumbers.Nearest<Q6_K>(values);

    /// <inheritdoc/>
    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        Span<byte> lower = stackalloc byte[256], upper = stackalloc byte[256];
        BlockBytes.UnpackNibbles(block[..64], lower);
        BlockBytes.UnpackNibbles(block[64..128], lower[128..]);
        TwoBits.Unpack(block[128..192], upper);

        float scales = BlockBytes.Half(block, 208);
        for (int i = 0; i < values.Length; i++)
            values[i] = scales * (sbyte)block[192 + (i / GroupSize)] * ((lower[i] | upper[i] << 4) - 32);
    }

    /// <inheritdoc/>
    public static void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, Span<byte> block)
    {
        const int Groups = 16;
        Span<float> scale = stackalloc float[Groups];
        for (int group = 0; group < Groups; group++) scale[group] = ScaleSearch.AroundZero<Q6_K>(values.Slice(group * GroupSize, GroupSize), ImportanceWeights.OfGroup(weights, group, GroupSize));

        float scales = BlockBytes.WriteScale(block, 208, scale[TensorPrimitives.IndexOfMaxMagnitude<float>(scale)] / -128);
        Span<byte> quants = stackalloc byte[256];
        for (int group = 0; group < Groups; group++)
        {
            int groupScale = BlockBytes.Round(scale[group] * BlockBytes.Inverse(scales), -128, 127);
            block[192 + group] = (byte)groupScale;
            BlockBytes.RoundAll(values.Slice(group * GroupSize, GroupSize), scales * groupScale, 32, quants.Slice(group * GroupSize, GroupSize));
        }
        BlockBytes.PackNibbles(quants[..128], block[..64]);
        BlockBytes.PackNibbles(quants[128..], block[64..128]);
        TwoBits.Pack(quants, lowestBit: 4, block[128..192]);
    }

    /// <inheritdoc/>
    public static void Weigh(ReadOnlySpan<float> row, ReadOnlySpan<float> importance, Span<float> weights) => importance.CopyTo(weights);
}
