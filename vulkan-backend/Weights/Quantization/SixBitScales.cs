namespace Gemma2.Backend.Weights.Quantization;

/// <summary>
/// Scales and minimums of Q4_K's and Q5_K's 8 groups: six bits each, in 12 bytes. Byte g holds scale g and byte 4 + g minimum g of the first four groups in
/// their lower six bits. Of the last four, byte 8 + g holds the lower four bits of scale and minimum; the upper two are the upper two of bytes g and 4 + g.
/// </summary>
internal static class SixBitScales
{
    /// <summary>Reads the scale and the minimum of a group, each from 0 to 63.</summary>
    public static (int Scale, int Minimum) Unpack(ReadOnlySpan<byte> packed, int group) => group < 4
        ? (packed[group] & 63, packed[group + 4] & 63)
        : ((packed[group + 4] & 15) | packed[group - 4] >> 6 << 4, packed[group + 4] >> 4 | packed[group] >> 6 << 4);
}
