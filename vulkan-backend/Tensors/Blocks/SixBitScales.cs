namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>
/// Scales and minimums of Q4_K's and Q5_K's 8 groups: six bits each, in 12 bytes. Byte g holds scale g and byte 4 + g minimum g of the first four groups in
/// their lower six bits. Of the last four, byte 4 + g holds the lower four bits of scale and minimum; the upper two are the upper two of bytes g - 4 and g.
/// </summary>
internal static class SixBitScales
{
    /// <summary>Reads the scale and the minimum of a group, each from 0 to 63.</summary>
    public static (int Scale, int Minimum) Unpack(ReadOnlySpan<byte> packed, int group) => group < 4
        ? (packed[group] & 63, packed[group + 4] & 63)
        : ((packed[group + 4] & 15) | packed[group - 4] >> 6 << 4, packed[group + 4] >> 4 | packed[group] >> 6 << 4);

    /// <summary>Adds the scale and the minimum of a group to 12 bytes that were cleared before the first.</summary>
    public static void Pack(Span<byte> packed, int group, int scale, int minimum)
    {
        if (group < 4)
        {
            packed[group] |= (byte)scale;
            packed[group + 4] |= (byte)minimum;
            return;
        }
        packed[group + 4] |= (byte)((scale & 15) | (minimum & 15) << 4);
        packed[group - 4] |= (byte)(scale >> 4 << 6);
        packed[group] |= (byte)(minimum >> 4 << 6);
    }
}
