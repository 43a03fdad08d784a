using System.Runtime.CompilerServices;

namespace Gemma2.Backend.Tensors.Packing;

/// <summary>Brings rows from the order of weight files into that of <see cref="WeightLayout"/>.</summary>
internal static unsafe class WeightPacker
{
    /// <summary>Below this many bytes other threads cost more than they bring.</summary>
    private const int BytesAThread = 256 << 10;

    /// <summary>Packs whole rows, on several threads when they are many.</summary>
    /// <param name="layout">How the rows lie when packed.</param>
    /// <param name="rows">The rows as in a weight file.</param>
    /// <param name="firstRow">The first one's number, counted from the tile at which the planes begin.</param>
    /// <param name="planes">Memory for all rows from that tile to the last row's tile.</param>
    public static void Pack(in WeightLayout layout, ReadOnlySpan<byte> rows, int firstRow, PackedPlanes planes)
    {
        Packing packing = new(layout, planes);
        int count = (int)(rows.Length / packing.RowBytes);
        int threads = Math.Clamp(rows.Length / BytesAThread, 1, Math.Min(count, Environment.ProcessorCount));
        fixed (byte* bytes = rows)
        {
            nint source = (nint)bytes;
            if (threads == 1)
                packing.Run(source, firstRow, count);
            else
                Parallel.For(0, threads, i => packing.RunShare(source, firstRow, count, i, threads));
        }
    }

    /// <summary>Packs whole rows that are a part of their own.</summary>
    /// <param name="layout">How the rows lie when packed.</param>
    /// <param name="rows">The rows as in a weight file.</param>
    /// <param name="packed">Takes all planes: <see cref="WeightLayout.Bytes"/> of the rows.</param>
    public static void Pack(in WeightLayout layout, ReadOnlySpan<byte> rows, Span<byte> packed)
    {
        int count = rows.Length / layout.FileRowBytes;
        ArgumentOutOfRangeException.ThrowIfLessThan(packed.Length, layout.Bytes(count), nameof(packed));
        fixed (byte* address = packed) Pack(layout, rows, 0, new PackedPlanes(address, layout.Planes(count), layout.TileRows));
    }

    private readonly struct Packing(WeightLayout layout, PackedPlanes planes)
    {
        private readonly int _chunks = layout.Chunks;
        private readonly PlaneUnits _units = layout.Units;

        public long RowBytes { get; } = layout.FileRowBytes;

        /// <summary>Packs one of several about equal shares of the rows.</summary>
        public void RunShare(nint source, int firstRow, int count, int share, int shares)
        {
            int first = (int)((long)count * share / shares), end = (int)((long)count * (share + 1) / shares);
            Run(source + (nint)(first * RowBytes), firstRow + first, end - first);
        }

        public void Run(nint source, int firstRow, int count)
        {
            for (int i = 0; i < count; i++) PackRow((byte*)source + (i * RowBytes), firstRow + i);
        }

        private void PackRow(byte* row, int index)
        {
            switch (layout.Type)
            {
                case TensorType.F32 or TensorType.F16 or TensorType.BF16: PackNumbers(row, index); break;
                case TensorType.Q8_0: PackBlocks<BytesPacker>(row, index); break;
                case TensorType.Q4_0 or TensorType.IQ4_NL: PackBlocks<NibblesPacker>(row, index); break;
                case TensorType.Q4_1: PackBlocks<Q4_1Packer>(row, index); break;
                case TensorType.Q5_0: PackBlocks<Q5_0Packer>(row, index); break;
                case TensorType.Q5_1: PackBlocks<Q5_1Packer>(row, index); break;
                case TensorType.Q2_K: PackBlocks<Q2_KPacker>(row, index); break;
                case TensorType.Q3_K: PackBlocks<Q3_KPacker>(row, index); break;
                case TensorType.Q4_K: PackBlocks<Q4_KPacker>(row, index); break;
                case TensorType.Q5_K: PackBlocks<Q5_KPacker>(row, index); break;
                case TensorType.Q6_K: PackBlocks<Q6_KPacker>(row, index); break;
                case TensorType.IQ4_XS: PackBlocks<IQ4_XSPacker>(row, index); break;
                default: throw new ArgumentOutOfRangeException(nameof(row), layout.Type, null);
            }
        }

        /// <summary>Numbers that are not quantized: words as they are, zeros up to the end of the last chunk.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void PackNumbers(byte* row, int index)
        {
            uint* to = (uint*)At(index).Quants;
            int words = layout.FileRowBytes / sizeof(uint), padded = _chunks * _units.Quants / sizeof(uint);
            if (layout.TileRows == 1)
                Unsafe.CopyBlockUnaligned(to, row, (uint)(words * sizeof(uint)));
            else
                for (int i = 0; i < words; i++) to[i * layout.TileRows] = ((uint*)row)[i];
            uint half = layout.FileRowBytes % sizeof(uint) == 0 ? 0u : ((ushort*)row)[2 * words]; // An odd number of 16 bits each.
            for (int i = words; i < padded; i++, half = 0) to[i * layout.TileRows] = half;
        }

        // These run for each block of a model from the first one on: code that is made quickly first and well later would be of no use.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void PackBlocks<TPacker>(byte* row, int index)
            where TPacker : IBlockPacker
        {
            int blockBytes = layout.Type.BlockBytes();
            int chunks = layout.Type.BlockElements() / WeightLayout.ChunkColumns;
            int step = chunks * layout.TileRows;
            PackedPlanes to = At(index);
            for (int chunk = 0; chunk < _chunks; chunk += chunks)
            {
                TPacker.Pack(row, to);
                row += blockBytes;
                to.Quants += step * _units.Quants;
                to.High += step * _units.High;
                to.Scales += step * _units.Scales;
                to.Blocks += layout.TileRows * _units.Block;
            }
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
