using System.Numerics.Tensors;

namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>
/// [0, 2) scale of scales; [2, 4) scale of minimums; [4, 16) <see cref="SixBitScales"/> of 8 groups of 32; [16, 144) 256 nibbles: the lower ones of 32 bytes
/// are a group, the upper ones the next. Value: q * scale - minimum.
/// </summary>
internal readonly struct Q4_K : IBlockFormat
{
    private const int GroupSize = 32;
    private const int Groups = 8;
    private const int HighestScale = 63;

    /// <inheritdoc/>
    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        Span<byte> quants = stackalloc byte[256];
        UnpackNibbles(block[16..], quants);
        Dequantize(block, quants, values);
    }

    /// <inheritdoc/>
    public static void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, Span<byte> block)
    {
        Span<byte> quants = stackalloc byte[256];
        Quantize(values, weights, highest: 15, block, quants);
        PackNibbles(quants, block[16..]);
    }

    /// <summary>Makes values of a block's quants, by the scales that Q4_K and Q5_K share.</summary>
    internal static void Dequantize(ReadOnlySpan<byte> block, ReadOnlySpan<byte> quants, Span<float> values)
    {
        float scales = BlockBytes.Half(block, 0), minimums = BlockBytes.Half(block, 2);
        for (int group = 0; group < Groups; group++)
        {
            (int groupScale, int groupMinimum) = SixBitScales.Unpack(block[4..16], group);
            float scale = scales * groupScale, minimum = minimums * groupMinimum;
            for (int i = group * GroupSize; i < (group + 1) * GroupSize; i++) values[i] = (quants[i] * scale) - minimum;
        }
    }

    /// <summary>Writes the scales that Q4_K and Q5_K share, and gives the quants.</summary>
    internal static void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, int highest, Span<byte> block, Span<byte> quants)
    {
        Span<float> scale = stackalloc float[Groups], minimum = stackalloc float[Groups], importance = stackalloc float[GroupSize];
        for (int group = 0; group < Groups; group++)
        {
            ReadOnlySpan<float> numbers = values.Slice(group * GroupSize, GroupSize);
            if (weights.IsEmpty) Weigh(numbers, importance);
            else ImportanceWeights.OfGroup(weights, group, GroupSize).CopyTo(importance);
            (scale[group], minimum[group]) = ScaleSearch.WithMinimum(numbers, importance, highest, minimumAboveZero: false, orWholeRange: !weights.IsEmpty);
        }

        float scales = BlockBytes.WriteScale(block, 0, TensorPrimitives.Max<float>(scale) / HighestScale);
        float minimums = BlockBytes.WriteScale(block, 2, -TensorPrimitives.Min<float>(minimum) / HighestScale);
        block[4..16].Clear();
        for (int group = 0; group < Groups; group++)
        {
            int groupScale = BlockBytes.Round(scale[group] * BlockBytes.Inverse(scales), 0, HighestScale);
            int groupMinimum = BlockBytes.Round(-minimum[group] * BlockBytes.Inverse(minimums), 0, HighestScale);
            SixBitScales.Pack(block[4..16], group, groupScale, groupMinimum);
            BlockBytes.RoundAll(
                values.Slice(group * GroupSize, GroupSize), scales * groupScale, -minimums * groupMinimum, highest, quants.Slice(group * GroupSize, GroupSize));
        }
    }

    /// <summary>As llama.cpp weighs: what is larger counts more, but nothing counts nothing.</summary>
    private static void Weigh(ReadOnlySpan<float> numbers, Span<float> weights)
    {
        TensorPrimitives.Abs(numbers, weights);
        TensorPrimitives.Add(weights, MathF.Sqrt(TensorPrimitives.SumOfSquares(numbers) / GroupSize), weights);
    }

    /// <summary>Reads the nibbles of all groups.</summary>
    internal static void UnpackNibbles(ReadOnlySpan<byte> packed, Span<byte> quants)
    {
        for (int pair = 0; pair < Groups / 2; pair++) BlockBytes.UnpackNibbles(packed.Slice(pair * 32, 32), quants.Slice(pair * 64, 64));
    }

    /// <summary>Writes the nibbles of all groups.</summary>
    internal static void PackNibbles(ReadOnlySpan<byte> quants, Span<byte> packed)
    {
        for (int pair = 0; pair < Groups / 2; pair++) BlockBytes.PackNibbles(quants.Slice(pair * 64, 64), packed.Slice(pair * 32, 32));
    }
}
