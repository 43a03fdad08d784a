using System.Buffers.Binary;

namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>Parts that blocks of several formats are made of.</summary>
internal static class BlockBytes
{
    /// <summary>Reads a scale or minimum: binary16.</summary>
    public static float Half(ReadOnlySpan<byte> block, int offset) => (float)BinaryPrimitives.ReadHalfLittleEndian(block[offset..]);

    /// <summary>Writes a minimum as the nearest binary16.</summary>
    /// <returns>What was written.</returns>
    public static float WriteHalf(Span<byte> block, int offset, float value)
    {
        BinaryPrimitives.WriteHalfLittleEndian(block[offset..], (Half)value);
        return (float)(Half)value;
    }

    /// <summary>
    /// Writes a scale as the nearest binary16. Where these lie far apart, near zero, it is the next one away from zero: with a scale that is too small the
    /// largest numbers of the block would be cut off.
    /// </summary>
    /// <returns>What was written.</returns>
    public static float WriteScale(Span<byte> block, int offset, float scale)
    {
        const float CutOff = 1 - (1f / 1024);
        Half half = (Half)scale;
        if (MathF.Abs((float)half) < MathF.Abs(scale) * CutOff) half = BitConverter.UInt16BitsToHalf((ushort)(BitConverter.HalfToUInt16Bits(half) + 1));
        return WriteHalf(block, offset, (float)half);
    }

    /// <summary>1 / scale, or 0 for a group of zeros.</summary>
    public static float Inverse(float scale) => scale == 0 ? 0 : 1 / scale;

    /// <summary>The whole number next to a value, within limits.</summary>
    public static int Round(float value, int lowest, int highest) => (int)MathF.Round(Math.Clamp(value, lowest, highest));

    /// <summary>Quants of numbers around zero: from 0 for level -<paramref name="zero"/> to 2 <paramref name="zero"/> - 1.</summary>
    public static void RoundAll(ReadOnlySpan<float> values, float scale, int zero, Span<byte> quants)
    {
        float inverse = Inverse(scale);
        for (int i = 0; i < values.Length; i++) quants[i] = (byte)(Round(values[i] * inverse, -zero, zero - 1) + zero);
    }

    /// <summary>Quants of numbers above a minimum, from 0 to <paramref name="highest"/>.</summary>
    public static void RoundAll(ReadOnlySpan<float> values, float scale, float minimum, int highest, Span<byte> quants)
    {
        float inverse = Inverse(scale);
        for (int i = 0; i < values.Length; i++) quants[i] = (byte)Round((values[i] - minimum) * inverse, 0, highest);
    }

    /// <summary>Spreads bytes over their nibbles: all lower ones, then all upper ones.</summary>
    /// <param name="packed">[n].</param>
    /// <param name="quants">[2 n].</param>
    public static void UnpackNibbles(ReadOnlySpan<byte> packed, Span<byte> quants)
    {
        for (int i = 0; i < packed.Length; i++)
        {
            quants[i] = (byte)(packed[i] & 15);
            quants[packed.Length + i] = (byte)(packed[i] >> 4);
        }
    }

    /// <summary>Puts the lower four bits of quants together as <see cref="UnpackNibbles"/> takes them apart.</summary>
    public static void PackNibbles(ReadOnlySpan<byte> quants, Span<byte> packed)
    {
        for (int i = 0; i < packed.Length; i++) packed[i] = (byte)((quants[i] & 15) | quants[packed.Length + i] << 4);
    }

    /// <summary>Puts one bit of 256 quants into 32 bytes: bit g of byte l is that of number 32 g + l.</summary>
    public static void PackBits(ReadOnlySpan<byte> quants, int bit, Span<byte> packed)
    {
        packed.Clear();
        for (int i = 0; i < quants.Length; i++) packed[i % 32] |= (byte)((quants[i] >> bit & 1) << (i / 32));
    }
}
