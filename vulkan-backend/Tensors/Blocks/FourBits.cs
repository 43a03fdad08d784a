using System.Runtime.Intrinsics;

namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>[0, 2) scale; [2, 18) 32 nibbles q. Value: (q - 8) * scale.</summary>
internal readonly struct Q4_0 : IBlockFormat, ILevels
{
    /// <inheritdoc/>
    public static float Lowest => -8;

    /// <inheritdoc/>
    public static float Highest => 7;

    /// <inheritdoc/>
    public static bool WeighBySquare => false;

    /// <inheritdoc/>
    public static Vector256<float> Nearest(Vector256<float> values) => WholeNumbers.Nearest<Q4_0>(values);

    /// <inheritdoc/>
    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float scale = BlockBytes.Half(block, 0);
        Span<byte> quants = stackalloc byte[32];
        BlockBytes.UnpackNibbles(block[2..], quants);
        for (int i = 0; i < values.Length; i++) values[i] = (quants[i] - 8) * scale;
    }

    /// <inheritdoc/>
    public static void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, Span<byte> block)
    {
        float scale = BlockBytes.WriteScale(block, 0, ScaleSearch.AroundZero<Q4_0>(values, weights));
        Span<byte> quants = stackalloc byte[32];
        BlockBytes.RoundAll(values, scale, 8, quants);
        BlockBytes.PackNibbles(quants, block[2..]);
    }

    /// <inheritdoc/>
    public static void Weigh(ReadOnlySpan<float> row, ReadOnlySpan<float> importance, Span<float> weights) =>
        ImportanceWeights.ByMagnitude(row, importance, run: row.Length, share: 1, weights);
}

/// <summary>[0, 2) scale; [2, 4) minimum; [4, 20) 32 nibbles q. Value: q * scale + minimum.</summary>
internal readonly struct Q4_1 : IBlockFormat
{
    /// <inheritdoc/>
    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float scale = BlockBytes.Half(block, 0), minimum = BlockBytes.Half(block, 2);
        Span<byte> quants = stackalloc byte[32];
        BlockBytes.UnpackNibbles(block[4..], quants);
        for (int i = 0; i < values.Length; i++) values[i] = (quants[i] * scale) + minimum;
    }

    /// <inheritdoc/>
    public static void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, Span<byte> block)
    {
        Span<byte> quants = stackalloc byte[32];
        Quantize(values, weights, highest: 15, block, quants);
        BlockBytes.PackNibbles(quants, block[4..]);
    }

    /// <inheritdoc/>
    public static void Weigh(ReadOnlySpan<float> row, ReadOnlySpan<float> importance, Span<float> weights) =>
        ImportanceWeights.ByMagnitude(row, importance, run: row.Length, share: 1, weights);

    /// <summary>Writes scale and minimum, as Q4_1 and Q5_1 both begin, and gives the quants.</summary>
    internal static void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, int highest, Span<byte> block, Span<byte> quants)
    {
        Span<float> alike = stackalloc float[values.Length];
        alike.Fill(1);
        (float scale, float minimum) = weights.IsEmpty
            ? ScaleSearch.WithMinimum(values, alike, highest, minimumAboveZero: true)
            : ScaleSearch.WithMinimum(values, weights, highest, minimumAboveZero: true, orWholeRange: true);
        minimum = BlockBytes.WriteHalf(block, 2, minimum);
        BlockBytes.RoundAll(values, BlockBytes.WriteScale(block, 0, scale), minimum, highest, quants);
    }
}
