using System.Numerics.Tensors;

namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>
/// [0, 16) a byte for each group of 16: scale in the lower nibble, minimum in the upper; [16, 80) 256 quants of two bits; [80, 82) scale of scales;
/// [82, 84) scale of minimums. Value: q * scale - minimum.
/// </summary>
internal readonly struct Q2_K : IBlockFormat
{
    private const int GroupSize = 16;
    private const int HighestScale = 15;

    /// <inheritdoc/>
    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float scales = BlockBytes.Half(block, 80), minimums = BlockBytes.Half(block, 82);
        Span<byte> quants = stackalloc byte[256];
        TwoBits.Unpack(block[16..80], quants);
        for (int i = 0; i < values.Length; i++)
        {
            byte group = block[i / GroupSize];
            values[i] = (scales * (group & 15) * quants[i]) - (minimums * (group >> 4));
        }
    }

    /// <inheritdoc/>
    public static void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, Span<byte> block)
    {
        const int Groups = 16;
        Span<float> scale = stackalloc float[Groups], minimum = stackalloc float[Groups], importance = stackalloc float[GroupSize];
        for (int group = 0; group < Groups; group++)
        {
            ReadOnlySpan<float> numbers = values.Slice(group * GroupSize, GroupSize);
            if (weights.IsEmpty) TensorPrimitives.Abs(numbers, importance);
            else ImportanceWeights.OfGroup(weights, group, GroupSize).CopyTo(importance);
            (scale[group], minimum[group]) = ScaleSearch.WithMinimum(numbers, importance, highest: 3, minimumAboveZero: false, orWholeRange: !weights.IsEmpty);
        }

        float scales = BlockBytes.WriteScale(block, 80, TensorPrimitives.Max<float>(scale) / HighestScale);
        float minimums = BlockBytes.WriteScale(block, 82, -TensorPrimitives.Min<float>(minimum) / HighestScale);
        Span<byte> quants = stackalloc byte[256];
        for (int group = 0; group < Groups; group++)
        {
            int groupScale = BlockBytes.Round(scale[group] * BlockBytes.Inverse(scales), 0, HighestScale);
            int groupMinimum = BlockBytes.Round(-minimum[group] * BlockBytes.Inverse(minimums), 0, HighestScale);
            block[group] = (byte)(groupScale | groupMinimum << 4);
            BlockBytes.RoundAll(
                values.Slice(group * GroupSize, GroupSize), scales * groupScale, -minimums * groupMinimum, highest: 3, quants.Slice(group * GroupSize, GroupSize));
        }
        TwoBits.Pack(quants, lowestBit: 0, block[16..80]);
    }

    /// <inheritdoc/>
    public static void Weigh(ReadOnlySpan<float> row, ReadOnlySpan<float> importance, Span<float> weights) =>
        ImportanceWeights.ByMagnitude(row, importance, run: 256, share: 1, weights);
}
