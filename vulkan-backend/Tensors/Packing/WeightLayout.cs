using Gemma2.Backend.Tensors.Blocks;

namespace Gemma2.Backend.Tensors.Packing;

/// <summary>
/// How a matrix lies in device memory. The columns of a row go in chunks of 32 (the last one padded with zeros), and what belongs to a chunk is taken apart
/// into planes that follow each other: quants, their upper bits, scales, and what 256 columns share (see <see cref="PlaneUnits"/>). Rows are interleaved in
/// tiles: what chunk c of row r has in a plane of scales is unit ((r / TileRows) * Chunks + c) * TileRows + r % TileRows of it, so that neighbouring rows are neighbours in memory
/// where threads lie along the rows (tiles of a subgroup, for CPU drivers), and a row is in one piece where they lie along the columns (tiles of 1, for GPUs).
/// In such a tile the 32-bit words of a chunk's quants come before its rows: word w of row r's chunk c, of words a chunk, is word
/// (((r / TileRows) * Chunks + c) * words + w) * TileRows + r % TileRows of the plane, so that neighbouring threads read neighbouring words.
/// </summary>
/// <remarks>
/// A plane of b-bit numbers is made of 32-bit words with 32 / b columns each: column 4j + i of a word is its b bits from 8i + bj on, so that
/// <c>(word >> bj) &amp; mask</c> gives four neighbours as the four bytes of a word, which is what packed 8-bit products take.
/// </remarks>
/// <param name="Type">How the numbers are stored.</param>
/// <param name="Columns">Numbers in a row.</param>
/// <param name="TileRows">Rows that are interleaved.</param>
internal readonly record struct WeightLayout(TensorType Type, int Columns, int TileRows)
{
    /// <summary>Columns that lie together.</summary>
    public const int ChunkColumns = PlaneUnits.ChunkColumns;

    /// <summary>Chunks that share what a block of 256 numbers stores once.</summary>
    public const int BlockChunks = PlaneUnits.BlockChunks;

    /// <summary>Planes begin at multiples of this many bytes.</summary>
    private const int PlaneAlignment = 256;

    /// <summary>Chunks in a row.</summary>
    public int Chunks => (Columns + ChunkColumns - 1) / ChunkColumns;

    /// <summary>Bytes that a chunk takes in each plane.</summary>
    public PlaneUnits Units => TensorFormat.Of(Type).Planes;

    /// <summary>Bytes of a row in a weight file.</summary>
    public int FileRowBytes => (int)Type.RowBytes(Columns);

    /// <summary>Bytes that rows take, packed on their own.</summary>
    public long Bytes(int rows) => Planes(rows).End;

    /// <summary>Where the planes of some rows begin, in bytes from the first one.</summary>
    public PlaneOffsets Planes(int rows)
    {
        PlaneOffsets sizes = PlaneBytes(rows);
        long high = Align(sizes.Quants);
        long scales = high + Align(sizes.High);
        long blocks = scales + Align(sizes.Scales);
        return new PlaneOffsets(0, high, scales, blocks, blocks + Align(sizes.Blocks));
    }

    /// <summary>Where the parts of the planes that begin with some tile lie in <see cref="Planes(int)"/>.</summary>
    public PlaneOffsets Planes(int rows, int firstRow) => Planes(rows) + PlaneBytes(firstRow);

    /// <summary>Bytes that rows take in each plane.</summary>
    public PlaneOffsets PlaneBytes(int rows)
    {
        PlaneUnits units = Units;
        long chunks = (rows + TileRows - 1L) / TileRows * TileRows * Chunks;
        return new PlaneOffsets(chunks * units.Quants, chunks * units.High, chunks * units.Scales, chunks / BlockChunks * units.Block, 0);
    }

    /// <summary>Most rows, in whole tiles, that take no more than some bytes; 0 when not even one tile does.</summary>
    public int RowsWithin(long bytes)
    {
        PlaneOffsets tile = PlaneBytes(TileRows);
        long tileBytes = tile.Quants + tile.High + tile.Scales + tile.Blocks;
        return (int)Math.Clamp((bytes - (4 * PlaneAlignment)) / tileBytes, 0, int.MaxValue / TileRows) * TileRows;
    }

    private static long Align(long bytes) => (bytes + PlaneAlignment - 1) / PlaneAlignment * PlaneAlignment;
}

/// <summary>Bytes in each plane: where the planes begin and the last one ends, or how long they are.</summary>
internal readonly record struct PlaneOffsets(long Quants, long High, long Scales, long Blocks, long End)
{
    /// <summary>Adds plane by plane.</summary>
    public static PlaneOffsets operator +(in PlaneOffsets a, in PlaneOffsets b) =>
        new(a.Quants + b.Quants, a.High + b.High, a.Scales + b.Scales, a.Blocks + b.Blocks, a.End + b.End);

    /// <summary>The memory of planes that begin at these offsets from an address.</summary>
    public unsafe PackedPlanes At(byte* address, int tileRows) => new(address + Quants, address + High, address + Scales, address + Blocks, tileRows);
}
