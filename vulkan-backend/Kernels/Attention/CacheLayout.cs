using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Kernels.Attention;

/// <summary>
/// How keys and values lie in a block of the KV cache (shaders/include/cache.glsl): for each layer [kvHeads, <see cref="BlockPositions"/>] rows of keys, and right
/// behind them as many of values. A row is one head's key or value at one position: its numbers, zeros up to whole pieces, and for
/// <see cref="TensorType.Q8_0"/> behind them a 16-bit float for each 32 numbers, their scale. Rows are multiples of 16 bytes, so that every type is read in
/// words of 64 and 128 bits.
/// </summary>
internal static class CacheLayout
{
    /// <summary>Consecutive positions of a sequence that a block holds.</summary>
    public const int BlockPositions = 32; // BLOCK_POSITIONS in cache.glsl

    /// <summary>Numbers that kernels read at a time.</summary>
    private const int Piece = 8;

    private const int RowAlignment = 16;

    /// <summary>Bytes from one position of a head to the next.</summary>
    /// <param name="type">F32, F16 or Q8_0.</param>
    /// <param name="headDimension">Numbers in a row.</param>
    public static int RowBytes(TensorType type, int headDimension) => type switch
    {
        TensorType.F32 => Align(headDimension, Piece) * sizeof(float),
        TensorType.F16 => Align(headDimension, Piece) * sizeof(ushort),
        TensorType.Q8_0 => Align(BlockElements(headDimension) + (BlockElements(headDimension) / type.BlockElements() * sizeof(ushort)), RowAlignment),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "The KV cache does not come in this type."),
    };

    /// <summary>Bytes of one layer of a block: keys, then values.</summary>
    public static long LayerBytes(TensorType type, AttentionShape shape) =>
        2L * shape.KeyValueHeads * BlockPositions * RowBytes(type, shape.HeadDimension);

    private static int BlockElements(int headDimension) => Align(headDimension, TensorType.Q8_0.BlockElements());

    private static int Align(int value, int alignment) => (value + alignment - 1) / alignment * alignment;
}
