namespace Gemma2.Backend.Kernels.Attention;

/// <summary>
/// One layer's keys and values of all sequences in device memory, in blocks that may lie anywhere and may be shared (<see cref="CacheLayout"/>). Only entries of
/// blocks that hold positions a query sees are followed; all others may be anything.
/// </summary>
/// <param name="Table">Address of the block table, [slots, TableStride] addresses (uint64): where the block of each <see cref="CacheLayout.BlockPositions"/> positions begins.</param>
/// <param name="TableStride">Entries from a sequence to the next one in the table.</param>
/// <param name="LayerOffset">Bytes from a block's beginning to this layer's keys, a multiple of 16.</param>
internal readonly record struct LayerCache(ulong Table, int TableStride, uint LayerOffset);
