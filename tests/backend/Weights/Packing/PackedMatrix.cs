using System.Buffers.Binary;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Blocks;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Tests.Weights.Packing;

/// <summary>Reads single values from a matrix in device order, as plainly as <see cref="WeightLayout"/> describes it.</summary>
internal sealed class PackedMatrix(WeightLayout layout, int rows, byte[] packed)
{
    private static readonly sbyte[] _table = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    private readonly PlaneOffsets _planes = layout.Planes(rows);

    public float Value(int row, int column)
    {
        int chunk = column / 32, inChunk = column % 32;
        int unit = (((row / layout.TileRows) * layout.Chunks) + chunk) * layout.TileRows + (row % layout.TileRows);
        int block = (((row / layout.TileRows) * (layout.Chunks / 8)) + (chunk / 8)) * layout.TileRows + (row % layout.TileRows);
        PlaneUnits units = layout.Units;
        ReadOnlySpan<byte> quants = Words((int)_planes.Quants, unit, units.Quants);
        ReadOnlySpan<byte> high = Words((int)_planes.High, unit, units.High);
        ReadOnlySpan<byte> scales = packed.AsSpan((int)_planes.Scales + (unit * units.Scales), units.Scales);
        ReadOnlySpan<byte> shared = units.Block == 0 ? [] : packed.AsSpan((int)_planes.Blocks + (block * units.Block), units.Block);
        int half = inChunk / 16;
        return layout.Type switch
        {
            TensorType.F32 => BinaryPrimitives.ReadSingleLittleEndian(quants[(4 * inChunk)..]),
            TensorType.F16 => (float)BinaryPrimitives.ReadHalfLittleEndian(quants[(2 * inChunk)..]),
            TensorType.BF16 => BitConverter.UInt32BitsToSingle((uint)BinaryPrimitives.ReadUInt16LittleEndian(quants[(2 * inChunk)..]) << 16),
            TensorType.Q8_0 => Half(scales, 0) * (sbyte)quants[inChunk],
            TensorType.Q4_0 => Half(scales, 0) * (Bits(quants, 4, inChunk) - 8),
            TensorType.Q4_1 => (Half(scales, 0) * Bits(quants, 4, inChunk)) + Half(scales, 2),
            TensorType.Q5_0 => Half(scales, 0) * ((Bits(quants, 4, inChunk) | Bits(high, 1, inChunk) << 4) - 16),
            TensorType.Q5_1 => (Half(scales, 0) * (Bits(quants, 4, inChunk) | Bits(high, 1, inChunk) << 4)) + Half(scales, 2),
            TensorType.Q2_K => (Half(shared, 0) * (scales[half] & 15) * Bits(quants, 2, inChunk)) - (Half(shared, 2) * (scales[half] >> 4)),
            TensorType.Q3_K => Half(shared, 0) * (sbyte)scales[half] * ((Bits(quants, 2, inChunk) | Bits(high, 1, inChunk) << 2) - 4),
            TensorType.Q4_K => (Half(shared, 0) * scales[0] * Bits(quants, 4, inChunk)) - (Half(shared, 2) * scales[1]),
            TensorType.Q5_K => (Half(shared, 0) * scales[0] * (Bits(quants, 4, inChunk) | Bits(high, 1, inChunk) << 4)) - (Half(shared, 2) * scales[1]),
            TensorType.Q6_K => Half(shared, 0) * (sbyte)scales[half] * ((Bits(quants, 4, inChunk) | Bits(high, 2, inChunk) << 4) - 32),
            TensorType.IQ4_NL => Half(scales, 0) * _table[Bits(quants, 4, inChunk)],
            TensorType.IQ4_XS => Half(shared, 0) * (sbyte)scales[0] * _table[Bits(quants, 4, inChunk)],
            _ => throw new ArgumentOutOfRangeException(nameof(column), layout.Type, null),
        };
    }

    /// <summary>What a chunk has in a plane of which words come before the rows of a tile.</summary>
    private byte[] Words(int plane, int unit, int bytes)
    {
        var words = new byte[bytes];
        int inTile = unit % layout.TileRows;
        for (int i = 0; i < bytes; i += 4)
            packed.AsSpan(plane + ((unit - inTile) * bytes) + (i * layout.TileRows) + (4 * inTile), 4).CopyTo(words.AsSpan(i));
        return words;
    }

    private static float Half(ReadOnlySpan<byte> bytes, int offset) => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes[offset..]);

    /// <summary>Column 4j + i of a word lies at bit 8i + bits * j.</summary>
    private static int Bits(ReadOnlySpan<byte> plane, int bits, int column)
    {
        int columnsAWord = 32 / bits;
        uint word = BinaryPrimitives.ReadUInt32LittleEndian(plane[(column / columnsAWord * 4)..]);
        int inWord = column % columnsAWord;
        return (int)(word >> ((8 * (inWord % 4)) + (bits * (inWord / 4)))) & ((1 << bits) - 1);
    }
}
