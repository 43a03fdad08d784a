namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>
/// Two bits of each of 256 numbers in 64 bytes, as Q2_K and Q3_K keep their quants and Q6_K the upper part of them:
/// byte 32 h + l holds the numbers 128 h + l, 128 h + 32 + l, 128 h + 64 + l and 128 h + 96 + l, from its lowest bits up.
/// </summary>
internal static class TwoBits
{
    /// <summary>Reads 256 quants from 64 bytes.</summary>
    public static void Unpack(ReadOnlySpan<byte> packed, Span<byte> quants)
    {
        for (int i = 0; i < quants.Length; i++) quants[i] = (byte)(packed[Byte(i)] >> Bit(i) & 3);
    }

    /// <summary>Writes two bits of 256 quants, from <paramref name="lowestBit"/> up, into 64 bytes.</summary>
    public static void Pack(ReadOnlySpan<byte> quants, int lowestBit, Span<byte> packed)
    {
        packed.Clear();
        for (int i = 0; i < quants.Length; i++) packed[Byte(i)] |= (byte)((quants[i] >> lowestBit & 3) << Bit(i));
    }

    private static int Byte(int number) => (number / 128 * 32) + (number % 32);

    private static int Bit(int number) => number % 128 / 32 * 2;
}
