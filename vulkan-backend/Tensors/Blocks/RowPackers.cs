using System.Runtime.CompilerServices;

namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>Takes a row of a weight file apart into planes.</summary>
internal unsafe interface IRowPacker
{
    /// <param name="row">The row, as in a weight file.</param>
    /// <param name="columns">Its numbers: whole blocks.</param>
    /// <param name="to">Where the row begins in each plane. Its chunks lie <see cref="PackedPlanes.Step"/> units apart.</param>
    void Pack(byte* row, int columns, PackedPlanes to);
}

/// <summary>Numbers that are not quantized: words as they are, zeros up to the end of the last chunk.</summary>
/// <param name="bytes">Bytes of a number.</param>
internal sealed unsafe class FloatPacker(int bytes) : IRowPacker
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Pack(byte* row, int columns, PackedPlanes to)
    {
        uint* quants = (uint*)to.Quants;
        int rowBytes = columns * bytes, words = rowBytes / sizeof(uint), padded = PlaneUnits.Chunks(columns) * PlaneUnits.ChunkColumns * bytes / sizeof(uint);
        if (to.Step == 1)
            Unsafe.CopyBlockUnaligned(quants, row, (uint)(words * sizeof(uint)));
        else
            for (int i = 0; i < words; i++) quants[i * to.Step] = ((uint*)row)[i];
        uint half = rowBytes % sizeof(uint) == 0 ? 0u : ((ushort*)row)[2 * words]; // An odd number of 16 bits each.
        for (int i = words; i < padded; i++, half = 0) quants[i * to.Step] = half;
    }
}

/// <summary>Blocks, one after the other.</summary>
/// <param name="elements">Numbers in a block.</param>
/// <param name="bytes">Bytes of a block.</param>
/// <param name="units">Bytes of a chunk in each plane.</param>
internal sealed unsafe class BlockRowPacker<TPacker>(int elements, int bytes, PlaneUnits units) : IRowPacker
    where TPacker : IBlockPacker
{
    // This runs for each block of a model from the first one on: code that is made quickly first and well later would be of no use.
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Pack(byte* row, int columns, PackedPlanes to)
    {
        (PlaneUnits unit, int step, int blockBytes) = (units, elements / PlaneUnits.ChunkColumns * to.Step, bytes);
        for (int block = columns / elements; block > 0; block--)
        {
            TPacker.Pack(row, to);
            row += blockBytes;
            to.Quants += step * unit.Quants;
            to.High += step * unit.High;
            to.Scales += step * unit.Scales;
            to.Blocks += to.Step * unit.Block;
        }
    }
}
