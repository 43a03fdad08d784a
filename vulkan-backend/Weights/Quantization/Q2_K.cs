namespace Gemma2.Backend.Weights.Quantization;

/// <summary>
/// [0, 16) a byte for each group of 16: scale in the lower nibble, minimum in the upper; [16, 80) 256 quants of two bits; [80, 82) scale of scales;
/// [82, 84) scale of minimums. Value: q * scale - minimum.
/// </summary>
internal readonly struct Q2_K : IBlockFormat
{
    private const int GroupSize = 16;

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
}
