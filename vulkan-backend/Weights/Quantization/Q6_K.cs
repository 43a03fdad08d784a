namespace Gemma2.Backend.Weights.Quantization;

/// <summary>
/// [0, 128) lower four bits; [128, 192) upper <see cref="TwoBits"/>; [192, 208) a signed byte of scale for each group of 16; [208, 210) scale of scales.
/// Of each half of 128 numbers, 64 bytes hold the lower bits: the first 64 numbers' as lower nibbles, the others' as upper ones.
/// Value: (q - 32) * scale * scale of scales.
/// </summary>
internal readonly struct Q6_K : IBlockFormat
{
    private const int GroupSize = 16;

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
}
