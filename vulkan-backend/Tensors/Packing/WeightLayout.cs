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
    public const int ChunkColumns = 32;

    /// <summary>Chunks that share what a block of 256 numbers stores once.</summary>
    public const int BlockChunks = 8;

    /// <summary>Planes begin at multiples of this many bytes.</summary>
    private const int PlaneAlignment = 256;

    /// <summary>Chunks in a row.</summary>
    public int Chunks => (Columns + ChunkColumns - 1) / ChunkColumns;

    /// <summary>Bytes that a chunk takes in each plane.</summary>
    public PlaneUnits Units => PlaneUnits.Of(Type);

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

/// <summary>Bytes that a chunk of 32 columns takes in each plane; 0 for planes that a type does not have.</summary>
/// <param name="Quants">The numbers themselves, or their lower bits: 4 of Q5_0, Q5_1, Q5_K, Q6_K; 2 of Q3_K.</param>
/// <param name="High">The upper bits: 1 of Q3_K, Q5_0, Q5_1, Q5_K; 2 of Q6_K.</param>
/// <param name="Scales">
/// Scale (and minimum) as float16 for blocks of 32; else one byte each: scale, minimum (Q4_K, Q5_K); the scales of both halves (Q3_K, Q6_K: signed);
/// scale and minimum of both halves, 4 bits each (Q2_K); a signed scale (IQ4_XS).
/// </param>
/// <param name="Block">Scale (and scale of the minimums) of 256 columns as float16: bytes every eighth chunk.</param>
internal readonly record struct PlaneUnits(int Quants, int High, int Scales, int Block)
{
    /// <summary>The planes of a type.</summary>
    public static PlaneUnits Of(TensorType type) => type switch
    {
        TensorType.F32 => new(128, 0, 0, 0),
        TensorType.F16 or TensorType.BF16 => new(64, 0, 0, 0),
        TensorType.Q8_0 => new(32, 0, 2, 0),
        TensorType.Q4_0 or TensorType.IQ4_NL => new(16, 0, 2, 0),
        TensorType.Q4_1 => new(16, 0, 4, 0),
        TensorType.Q5_0 => new(16, 4, 2, 0),
        TensorType.Q5_1 => new(16, 4, 4, 0),
        TensorType.Q2_K => new(8, 0, 2, 4),
        TensorType.Q3_K => new(8, 4, 2, 2),
        TensorType.Q4_K => new(16, 0, 2, 4),
        TensorType.Q5_K => new(16, 4, 2, 4),
        TensorType.Q6_K => new(16, 8, 2, 2),
        TensorType.IQ4_XS => new(16, 0, 1, 2),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };
}

/// <summary>Bytes in each plane: where the planes begin and the last one ends, or how long they are.</summary>
internal readonly record struct PlaneOffsets(long Quants, long High, long Scales, long Blocks, long End)
{
    /// <summary>Adds plane by plane.</summary>
    public static PlaneOffsets operator +(in PlaneOffsets a, in PlaneOffsets b) =>
        new(a.Quants + b.Quants, a.High + b.High, a.Scales + b.Scales, a.Blocks + b.Blocks, a.End + b.End);
}
