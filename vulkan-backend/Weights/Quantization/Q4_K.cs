namespace Gemma2.Backend.Weights.Quantization;

/// <summary>
/// [0, 2) scale of scales; [2, 4) scale of minimums; [4, 16) <see cref="SixBitScales"/> of 8 groups of 32; [16, 144) 256 nibbles: the lower ones of 32 bytes
/// are a group, the upper ones the next. Value: q * scale - minimum.
/// </summary>
internal readonly struct Q4_K : IBlockFormat
{
    private const int GroupSize = 32;

    /// <inheritdoc/>
    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        Span<byte> quants = stackalloc byte[256];
        UnpackNibbles(block[16..], quants);
        Dequantize(block, quants, values);
    }

    /// <summary>Makes values of a block's quants, by the scales that Q4_K and Q5_K share.</summary>
    internal static void Dequantize(ReadOnlySpan<byte> block, ReadOnlySpan<byte> quants, Span<float> values)
    {
        float scales = BlockBytes.Half(block, 0), minimums = BlockBytes.Half(block, 2);
        for (int group = 0; group < values.Length / GroupSize; group++)
        {
            (int groupScale, int groupMinimum) = SixBitScales.Unpack(block[4..16], group);
            float scale = scales * groupScale, minimum = minimums * groupMinimum;
            for (int i = group * GroupSize; i < (group + 1) * GroupSize; i++) values[i] = (quants[i] * scale) - minimum;
        }
    }

    /// <summary>Reads the nibbles of all groups.</summary>
    internal static void UnpackNibbles(ReadOnlySpan<byte> packed, Span<byte> quants)
    {
        for (int pair = 0; pair < 4; pair++) BlockBytes.UnpackNibbles(packed.Slice(pair * 32, 32), quants.Slice(pair * 64, 64));
    }
}
