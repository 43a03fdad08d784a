namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>Bytes that a chunk of 32 columns takes in each plane of device order; 0 for planes that a type does not have.</summary>
/// <param name="Quants">The numbers themselves, or their lower bits: 4 of Q5_0, Q5_1, Q5_K, Q6_K; 2 of Q3_K.</param>
/// <param name="High">The upper bits: 1 of Q3_K, Q5_0, Q5_1, Q5_K; 2 of Q6_K.</param>
/// <param name="Scales">
/// Scale (and minimum) as float16 for blocks of 32; else one byte each: scale, minimum (Q4_K, Q5_K); the scales of both halves (Q3_K, Q6_K: signed);
/// scale and minimum of both halves, 4 bits each (Q2_K); a signed scale (IQ4_XS).
/// </param>
/// <param name="Block">Scale (and scale of the minimums) of 256 columns as float16: bytes every eighth chunk.</param>
internal readonly record struct PlaneUnits(int Quants, int High, int Scales, int Block)
{
    /// <summary>Columns that lie together.</summary>
    public const int ChunkColumns = 32;

    /// <summary>Chunks that share what a block of 256 numbers stores once.</summary>
    public const int BlockChunks = 8;

    /// <summary>Chunks in a row.</summary>
    public static int Chunks(int columns) => (columns + ChunkColumns - 1) / ChunkColumns;
}
