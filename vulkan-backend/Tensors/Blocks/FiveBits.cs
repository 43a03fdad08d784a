using System.Buffers.Binary;
using System.Runtime.Intrinsics;

namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>[0, 2) scale; [2, 6) the fifth bits of all numbers; [6, 22) 32 nibbles. Value: (q - 16) * scale.</summary>
internal readonly struct Q5_0 : IBlockFormat, ILevels
{
    /// <inheritdoc/>
    public static float Lowest => -16;

    /// <inheritdoc/>
    public static float Highest => 15;

    /// <inheritdoc/>
    public static bool WeighBySquare => false;

    /// <inheritdoc/>
    public static Vector256<float> Nearest(Vector256<float> values) => WholeNumbers.Nearest<Q5_0>(values);

    /// <inheritdoc/>
    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float scale = BlockBytes.Half(block, 0);
        Span<byte> quants = stackalloc byte[32];
        FiveBits.Unpack(block[2..], quants);
        for (int i = 0; i < values.Length; i++) values[i] = (quants[i] - 16) * scale;
    }

    /// <inheritdoc/>
    public static void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, Span<byte> block)
    {
        float scale = BlockBytes.WriteScale(block, 0, ScaleSearch.AroundZero<Q5_0>(values, weights));
        Span<byte> quants = stackalloc byte[32];
        BlockBytes.RoundAll(values, scale, 16, quants);
        FiveBits.Pack(quants, block[2..]);
    }

    /// <inheritdoc/>
    public static void Weigh(ReadOnlySpan<float> row, ReadOnlySpan<float> importance, Span<float> weights) =>
        ImportanceWeights.ByMagnitude(row, importance, run: row.Length, share: 1, weights);
}

/// <summary>[0, 2) scale; [2, 4) minimum; [4, 8) the fifth bits of all numbers; [8, 24) 32 nibbles. Value: q * scale + minimum.</summary>
internal readonly struct Q5_1 : IBlockFormat
{
    /// <inheritdoc/>
    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float scale = BlockBytes.Half(block, 0), minimum = BlockBytes.Half(block, 2);
        Span<byte> quants = stackalloc byte[32];
        FiveBits.Unpack(block[4..], quants);
        for (int i = 0; i < values.Length; i++) values[i] = (quants[i] * scale) + minimum;
    }

    /// <inheritdoc/>
    public static void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, Span<byte> block)
    {
        Span<byte> quants = stackalloc byte[32];
        Q4_1.Quantize(values, weights, highest: 31, block, quants);
        FiveBits.Pack(quants, block[4..]);
    }

    /// <inheritdoc/>
    public static void Weigh(ReadOnlySpan<float> row, ReadOnlySpan<float> importance, Span<float> weights) =>
        ImportanceWeights.ByMagnitude(row, importance, run: row.Length, share: 1, weights);
}

/// <summary>Quants of five bits: a 32-bit word with the fifth bit of number i at bit i, then nibbles.</summary>
internal static class FiveBits
{
    /// <summary>Reads 32 quants from 20 bytes.</summary>
    public static void Unpack(ReadOnlySpan<byte> packed, Span<byte> quants)
    {
        uint fifth = BinaryPrimitives.ReadUInt32LittleEndian(packed);
        BlockBytes.UnpackNibbles(packed[4..], quants);
        for (int i = 0; i < quants.Length; i++) quants[i] |= (byte)((fifth >> i & 1) << 4);
    }

    /// <summary>Writes 32 quants into 20 bytes.</summary>
    public static void Pack(ReadOnlySpan<byte> quants, Span<byte> packed)
    {
        uint fifth = 0;
        for (int i = 0; i < quants.Length; i++) fifth |= (uint)(quants[i] >> 4) << i;
        BinaryPrimitives.WriteUInt32LittleEndian(packed, fifth);
        BlockBytes.PackNibbles(quants, packed[4..]);
    }
}
