namespace Gemma2.Backend.Weights.Quantization;

/// <summary>[0, 2) scale; [2, 34) 32 signed bytes q. Value: q * scale.</summary>
internal readonly struct Q8_0 : IBlockFormat
{
    /// <inheritdoc/>
    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float scale = BlockBytes.Half(block, 0);
        for (int i = 0; i < values.Length; i++) values[i] = (sbyte)block[2 + i] * scale;
    }
}
