using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gemma2.Backend.Device;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Kernels.Matrix;

/// <summary>
/// Matrix kernels for CPU drivers: mat_mul_cpu.comp for any number of rows of activations. A subgroup takes as many rows of weights side by side as it has lanes, and a slice of their columns in
/// one run of code without loops; the slices of a row are the subgroups of a workgroup.
/// </summary>
internal sealed class CpuMatrixFamily(GpuDevice device) : IMatrixFamily
{
    private const uint MostColumns = 8; // MOST_COLUMNS in mat_mul_cpu.comp
    private const int MostTiles = 1 << 16; // of uniformNumber in weights_cpu.glsl
    private const int MostCount = (1 << 8) * (int)MostColumns; // of uniformByte there
    private const int MostSubgroups = 32; // in a workgroup of lavapipe
    private const int PlaneUnit = 256; // bytes
    private const int WideLanes = 16; // of AVX-512
    private const int FewestLanes = 4; // bytes of a word in weights_cpu.glsl

    /// <summary>
    /// Chunks in a slice: about the most whose code a CPU keeps in its first cache. Fewer cost more for starting subgroups and for sums of slices; more are
    /// compiled longer. Types that share scales over 8 chunks want whole ones of them.
    /// </summary>
    private const int BestSlice = 12;
    private const int BestSliceOfBlocks = WeightLayout.BlockChunks;
    private const int LongestSlice = 36;

    private readonly Dictionary<PipelineKey, ComputePipeline> _pipelines = [];

    public bool TreatsKindsAlike => true;

    public bool Supports(in WeightLayout layout, RowKind kind, int matrices) =>
        device.Description.Capabilities.ShortIntegers && layout.TileRows == device.SubgroupSize && layout.TileRows >= FewestLanes && FindSlice(layout, (uint)matrices) > 0;

    public void Record(CommandRecorder commands, in WeightLayout layout, in MatrixPart w, in Activation x, in Activation y, RowGroup rows) =>
        Record(commands, layout, w, w, x, y, rows.Count, matrices: 1);

    public void RecordGeglu(
        CommandRecorder commands, in WeightLayout layout, in MatrixPart gate, in MatrixPart up, in Activation x, in Activation u, RowGroup rows) =>
        Record(commands, layout, gate, up, x, u, rows.Count, matrices: 2);

    public void Dispose()
    {
        foreach (ComputePipeline pipeline in _pipelines.Values) pipeline.Dispose();
    }

    /// <summary>Chunks in a slice, such that slices of this length make up a row; 0 when there is no length that keeps a workgroup within its subgroups.</summary>
    /// <param name="layout">Type and columns of the matrix.</param>
    /// <param name="matrices">Multiplied at once: 1 or 2.</param>
    internal static int FindSlice(in WeightLayout layout, uint matrices)
    {
        int wanted = layout.Units.Block > 0 ? BestSliceOfBlocks : BestSlice, best = 0;
        for (int slice = 1; slice <= LongestSlice; slice++)
        {
            bool fits = layout.Chunks % slice == 0 && matrices * (layout.Chunks / slice) <= MostSubgroups;
            if (fits && (best == 0 || Math.Abs(slice - wanted) < Math.Abs(best - wanted))) best = slice;
        }
        return best;
    }

    private void Record(
        CommandRecorder commands, in WeightLayout layout, in MatrixPart first, in MatrixPart second, in Activation x, in Activation y, int count, uint matrices)
    {
        PlaneOffsets planes = layout.Planes(first.Rows);
        uint columns = Columns(count);
        uint tiles = Grid.Cover(first.Rows, device.SubgroupSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tiles, (uint)MostTiles, nameof(first));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MostCount);
        var arguments = new Arguments
        {
            W = first.Address,
            Up = second.Address,
            X = x.Address,
            Y = y.Address,
            High = (uint)(planes.High / PlaneUnit),
            Scales = (uint)(planes.Scales / PlaneUnit),
            Blocks = (uint)(planes.Blocks / PlaneUnit),
            Rows = (uint)first.Rows,
            XStride = (uint)x.Stride,
            YStride = (uint)y.Stride,
            Count = (uint)count,
            Digits = Digits.All,
        };
        commands.Dispatch(Pipeline(layout, columns, matrices), arguments, Grid.Cover(count, columns), tiles);
    }

    /// <summary>Rows of activations that a pipeline takes at once: fewer cost little, as the last one is repeated, and each pipeline costs time to compile.</summary>
    private static uint Columns(int count) => count switch
    {
        1 => 1,
        2 => 2,
        <= 4 => 4,
        _ => MostColumns,
    };

    /// <summary>
    /// Columns of a chunk that wait for a branch behind the others, which keeps chunks apart: else the compiler mixes them. That wins where registers run out, and costs where loads shall run
    /// ahead; which of them it is depends on type and width, and was measured (docs/performance-lavapipe.md). Sums are the same either way.
    /// </summary>
    private static uint LastColumns(TensorType type, uint columns, uint lanes)
    {
        bool keepsApart = columns switch
        {
            1 => lanes >= WideLanes && (type is TensorType.Q4_0 or TensorType.Q2_K),
            _ when lanes < WideLanes => true,
            2 => type is TensorType.F32 or TensorType.Q6_K,
            4 => type is TensorType.F32 or TensorType.BF16 or TensorType.Q6_K or TensorType.IQ4_XS,
            _ => type is not (TensorType.Q8_0 or TensorType.Q5_0 or TensorType.Q3_K or TensorType.Q5_K),
        };
        return keepsApart ? 4u : 0u;
    }

    private ComputePipeline Pipeline(in WeightLayout layout, uint columns, uint matrices)
    {
        var key = new PipelineKey(layout.Type, layout.Chunks, columns, matrices);
        if (_pipelines.TryGetValue(key, out ComputePipeline? pipeline)) return pipeline;
        uint slice = (uint)FindSlice(layout, matrices), slices = (uint)layout.Chunks / slice, lanes = device.SubgroupSize;
        pipeline = new ComputePipeline(device, "mat_mul_cpu", matrices * slices * lanes, (uint)layout.Type, slice, slices, columns, matrices, lanes, LastColumns(layout.Type, columns, lanes));
        _pipelines.Add(key, pipeline);
        return pipeline;
    }

    private readonly record struct PipelineKey(TensorType Type, int Chunks, uint Columns, uint Matrices);

    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public ulong W;
        public ulong Up;
        public ulong X;
        public ulong Y;
        public uint High;
        public uint Scales;
        public uint Blocks;
        public uint Rows;
        public uint XStride;
        public uint YStride;
        public uint Count;
        public Digits Digits;
    }

    /// <summary>0 to 15: what weights_cpu.glsl looks numbers up in.</summary>
    [InlineArray(16)]
    private struct Digits
    {
        private uint _first;

        public static readonly Digits All = Create();

        private static Digits Create()
        {
            var digits = default(Digits);
            for (int i = 0; i < 16; i++) digits[i] = (uint)i;
            return digits;
        }
    }
}
