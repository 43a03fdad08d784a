namespace Gemma2.Backend.Weights.Quantization;

/// <summary>[0, 2) scale; [2, 18) 32 nibbles q. Value: (q - 8) * scale.</summary>
internal readonly struct Q4_0 : IBlockFormat
{
    /// <inheritdoc/>
    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float scale = BlockBytes.Half(block, 0);
        Span<byte> quants = stackalloc byte[32];
        BlockBytes.UnpackNibbles(block[2..], quants);
        for (int i = 0; i < values.Length; i++) values[i] = (quants[i] - 8) * scale;
    }
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
}
