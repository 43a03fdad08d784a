namespace Gemma2.Backend.Kernels.Attention;

/// <summary>
/// One layer's keys and values of all sequences in device memory. Those of a sequence are [kvHeads, Slots] rows of keys and, right behind them, as many of
/// values; position p lives in slot p % Slots.
/// </summary>
/// <param name="Table">Address of a table of addresses (uint64): where sequence 0's keys of this layer begin.</param>
/// <param name="TableStride">Entries from a sequence to the next one in the table.</param>
/// <param name="Slots">Positions kept.</param>
internal readonly record struct LayerCache(ulong Table, int TableStride, int Slots);
