namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>
/// As <see cref="Q4_K"/>, with fifth bits between: [0, 2) scale of scales; [2, 4) scale of minimums; [4, 16) <see cref="SixBitScales"/> of 8 groups of 32;
/// [16, 48) fifth bits: bit g of byte l is that of number 32 g + l; [48, 176) 256 nibbles. Value: q * scale - minimum.
/// </summary>
internal readonly struct Q5_K : IBlockFormat
{
    /// <inheritdoc/>
    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        Span<byte> quants = stackalloc byte[256];
        Q4_K.UnpackNibbles(block[48..], quants);
        for (int i = 0; i < quants.Length; i++) quants[i] |= (byte)((block[16 + (i % 32)] >> (i / 32) & 1) << 4);
        Q4_K.Dequantize(block, quants, values);
    }

    /// <inheritdoc/>
    public static void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, Span<byte> block)
    {
        Span<byte> quants = stackalloc byte[256];
        Q4_K.Quantize(values, weights, highest: 31, block, quants);
        BlockBytes.PackBits(quants, bit: 4, block[16..48]);
        Q4_K.PackNibbles(quants, block[48..]);
    }
}
