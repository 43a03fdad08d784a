using Gemma2.Backend.Tensors.Blocks;

namespace Gemma2.Backend.Tensors.Packing;

/// <summary>Brings rows from the order of weight files into that of <see cref="WeightLayout"/>.</summary>
internal static unsafe class WeightPacker
{
    /// <summary>Packs whole rows. Several threads may pack rows of different tiles at once.</summary>
    /// <param name="layout">How the rows lie when packed.</param>
    /// <param name="rows">The rows as in a weight file.</param>
    /// <param name="firstRow">The first one's number, counted from the tile at which the planes begin.</param>
    /// <param name="planes">Memory for all rows from that tile to the last row's tile.</param>
    public static void Pack(in WeightLayout layout, ReadOnlySpan<byte> rows, int firstRow, PackedPlanes planes)
    {
        Packing packing = new(layout, planes);
        fixed (byte* source = rows) packing.Run(source, firstRow, (int)(rows.Length / packing.RowBytes));
    }

    /// <summary>Packs whole rows that are a part of their own.</summary>
    /// <param name="layout">How the rows lie when packed.</param>
    /// <param name="rows">The rows as in a weight file.</param>
    /// <param name="packed">Takes all planes: <see cref="WeightLayout.Bytes"/> of the rows.</param>
    public static void Pack(in WeightLayout layout, ReadOnlySpan<byte> rows, Span<byte> packed)
    {
        int count = rows.Length / layout.FileRowBytes;
        ArgumentOutOfRangeException.ThrowIfLessThan(packed.Length, layout.Bytes(count), nameof(packed));
        fixed (byte* address = packed) Pack(layout, rows, 0, layout.Planes(count).At(address, layout.TileRows));
    }

    private readonly struct Packing(WeightLayout layout, PackedPlanes planes)
    {
        private readonly int _chunks = layout.Chunks;
        private readonly PlaneUnits _units = layout.Units;
        private readonly IRowPacker _packer = TensorFormat.Of(layout.Type).Packer;

        public long RowBytes { get; } = layout.FileRowBytes;

        public void Run(byte* source, int firstRow, int count)
        {
            for (int i = 0; i < count; i++) _packer.Pack(source + (i * RowBytes), layout.Columns, At(firstRow + i));
        }

        /// <summary>Where a row begins in each plane.</summary>
        private PackedPlanes At(int row)
        {
            (long tile, long inTile) = Math.DivRem((long)row, layout.TileRows);
            long unit = (tile * _chunks * layout.TileRows) + inTile;
            long block = (tile * (_chunks / WeightLayout.BlockChunks) * layout.TileRows) + inTile;
            return new PackedPlanes(
                planes.Quants + ((unit - inTile) * _units.Quants) + (inTile * sizeof(uint)),
                planes.High + ((unit - inTile) * _units.High) + (inTile * sizeof(uint)),
                planes.Scales + (unit * _units.Scales),
                planes.Blocks + (block * _units.Block),
                layout.TileRows);
        }
    }
}
