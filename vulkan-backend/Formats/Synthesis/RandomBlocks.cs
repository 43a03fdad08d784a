using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Blocks;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Formats.Synthesis;

/// <summary>
/// Random rows of a matrix, each number as likely as any other between two ends, with mean zero. Quantized rows are made without quantizing: every quant is
/// random bits, and scales are set so that the numbers have the deviation wanted. A row follows from seed and place alone.
/// </summary>
/// <param name="type">How the numbers are stored.</param>
/// <param name="columns">Numbers in a row.</param>
/// <param name="deviation">Standard deviation.</param>
/// <param name="seed">The matrix's seed.</param>
internal sealed class RandomBlocks(TensorType type, int columns, float deviation, ulong seed)
{
    /// <summary>Root mean squares of levels and of groups' scales that are random.</summary>
    private static readonly float TwoBits = Rms(0, 3, 1.5f), ThreeBits = Rms(-4, 3), FourBits = Rms(-8, 7), FiveBits = Rms(-16, 15), SixBits = Rms(-32, 31),
        EightBits = Rms(-128, 127), FourBitsCentred = Rms(0, 15, 7.5f), FiveBitsCentred = Rms(0, 31, 15.5f), UpperThreeBits = Rms(8, 15), UpperFiveBits = Rms(32, 63),
        Table = MathF.Sqrt((float)FourBitTable.Values.ToArray().Average(level => level * level));

    private readonly int _rowBytes = (int)type.RowBytes(columns);

    /// <summary>Makes rows on all processors.</summary>
    /// <param name="firstRow">The first row's place in the matrix.</param>
    /// <param name="rows">How many.</param>
    /// <param name="bytes">Takes them.</param>
    public void Fill(long firstRow, int rows, byte[] bytes) => Parallel.For(0, rows, row =>
    {
        Span<byte> target = bytes.AsSpan(row * _rowBytes, _rowBytes);
        if (type.IsQuantized()) FillBlocks(firstRow + row, target);
        else FillFloats(firstRow + row, target);
    });

    /// <summary>Random bits, from a place in a row's sequence on.</summary>
    private void FillBits(long row, Span<byte> bytes)
    {
        ulong rowSeed = SplitMix64.At(seed, (ulong)row);
        for (int i = 0; i < bytes.Length; i += sizeof(ulong))
        {
            ulong bits = SplitMix64.At(rowSeed, (ulong)i);
            Span<byte> word = bytes[i..];
            if (word.Length >= sizeof(ulong)) BinaryPrimitives.WriteUInt64LittleEndian(word, bits);
            else for (int k = 0; k < word.Length; k++) word[k] = (byte)(bits >> (8 * k));
        }
    }

    private void FillFloats(long row, Span<byte> target)
    {
        float[] values = new float[columns];
        Span<byte> bits = MemoryMarshal.AsBytes(values.AsSpan());
        FillBits(row, bits);
        float unit = deviation * MathF.Sqrt(3) / (1L << 31);
        for (int i = 0; i < columns; i++) values[i] = BinaryPrimitives.ReadInt32LittleEndian(bits[(i * sizeof(float))..]) * unit;
        BlockCodec.Quantize(type, values, target);
    }

    private void FillBlocks(long row, Span<byte> target)
    {
        FillBits(row, target);
        int blockBytes = type.BlockBytes();
        for (int begin = 0; begin < target.Length; begin += blockBytes) SetScales(target.Slice(begin, blockBytes));
    }

    private void SetScales(Span<byte> block)
    {
        switch (type)
        {
            case TensorType.Q8_0: SetSigned(block, EightBits); break;
            case TensorType.Q4_0: SetSigned(block, FourBits); break;
            case TensorType.Q5_0: SetSigned(block, FiveBits); break;
            case TensorType.IQ4_NL: SetSigned(block, Table); break;
            case TensorType.Q4_1: SetWithMinimum(block, 0, FourBitsCentred, -7.5f); break;
            case TensorType.Q5_1: SetWithMinimum(block, 0, FiveBitsCentred, -15.5f); break;
            case TensorType.Q2_K: SetGroups(block[..16]); SetWithMinimum(block, 80, TwoBits * UpperThreeBits, 1.5f); break;
            case TensorType.Q4_K: SetSixBitGroups(block[4..16]); SetWithMinimum(block, 0, FourBitsCentred * UpperFiveBits, 7.5f); break;
            case TensorType.Q5_K: SetSixBitGroups(block[4..16]); SetWithMinimum(block, 0, FiveBitsCentred * UpperFiveBits, 15.5f); break;
            // The scales of these types' groups have signs and stay random.
            case TensorType.Q3_K: BlockBytes.WriteScale(block, 108, deviation / (ThreeBits * SixBits)); break;
            case TensorType.Q6_K: BlockBytes.WriteScale(block, 208, deviation / (SixBits * EightBits)); break;
            case TensorType.IQ4_XS: BlockBytes.WriteScale(block, 0, deviation / (Table * SixBits)); break;
            default: throw new InvalidOperationException($"{type} has no scales.");
        }
    }

    /// <summary>Levels reach further below zero than above: the scale's random sign makes the mean zero.</summary>
    private void SetSigned(Span<byte> block, float rms) => BlockBytes.WriteScale(block, 0, (block[0] & 1) == 0 ? deviation / rms : -deviation / rms);

    private void SetWithMinimum(Span<byte> block, int offset, float rms, float minimum)
    {
        float scale = BlockBytes.WriteScale(block, offset, deviation / rms);
        BlockBytes.WriteHalf(block, offset + 2, scale * minimum);
    }

    /// <summary>Scales and minimums of Q2_K's groups: the same number from 8 to 15 for both.</summary>
    private static void SetGroups(Span<byte> groups)
    {
        foreach (ref byte group in groups) group = (byte)((8 | (group & 7)) * 0x11);
    }

    /// <summary>Scales and minimums of <see cref="SixBitScales"/>: the same number from 32 to 63 for both.</summary>
    private static void SetSixBitGroups(Span<byte> packed)
    {
        Span<byte> random = stackalloc byte[8];
        packed[..8].CopyTo(random);
        packed.Clear();
        for (int group = 0; group < random.Length; group++)
        {
            int scale = 32 | (random[group] & 31);
            SixBitScales.Pack(packed, group, scale, scale);
        }
    }

    private static float Rms(int lowest, int highest, float mean = 0) =>
        MathF.Sqrt(Enumerable.Range(lowest, highest - lowest + 1).Average(level => (level - mean) * (level - mean)));
}
