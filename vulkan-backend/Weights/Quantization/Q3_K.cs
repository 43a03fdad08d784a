namespace Gemma2.Backend.Weights.Quantization;

/// <summary>
/// [0, 32) third bits: bit g of byte l is that of number 32 g + l; [32, 96) 256 quants' lower two bits; [96, 108) 16 scales of six bits, one for each group of 16;
/// [108, 110) scale of scales. Value: (q - 4) * (scale - 32) * scale of scales.
/// </summary>
internal readonly struct Q3_K : IBlockFormat
{
    private const int GroupSize = 16;

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

    /// <summary>A group's scale, from 0 to 63: its lower four bits are a nibble of the first 8 bytes, the upper two lie in the last 4.</summary>
    private static int Scale(ReadOnlySpan<byte> packed, int group) =>
        (packed[group % 8] >> (group / 8 * 4) & 15) | (packed[8 + (group % 4)] >> (group / 4 * 2) & 3) << 4;
}
