using System.Runtime.InteropServices;
using Gemma2.Backend.Device;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Kernels.Matrix;

/// <summary>Matrix kernels for every device, type, tile and number of rows: mat_vec.comp for rows that decode, mat_mul.comp for those of prompts.</summary>
internal sealed class GenericMatrixFamily(GpuDevice device) : IMatrixFamily
{
    private const uint MostSums = 16; // that a thread keeps in mat_vec.comp
    private const int MostColumns = 8; // rows of activations that mat_vec.comp takes at once
    private const uint MostRows = 4; // that share loads of activations there
    private const uint MostSubgroups = 8; // that share out a row there
    private const int ColumnsPerThread = 16; // at once in mat_vec.comp
    private const uint TokensPerTile = 16; // TOKENS in mat_mul.comp
    private const uint RowsPerThread = 2; // ROWS in mat_mul.comp

    private readonly Dictionary<VectorPipeline, ComputePipeline> _vector = [];
    private readonly Dictionary<MatrixPipeline, ComputePipeline> _matrix = [];

    public bool TreatsKindsAlike => false;

    public bool Supports(in WeightLayout layout, RowKind kind, int matrices) => true;

    public void Record(CommandRecorder commands, in WeightLayout layout, in MatrixPart w, in Activation x, in Activation y, RowGroup rows) =>
        Record(commands, layout, new Arguments { W = w.Planes(layout), Rows = (uint)w.Rows }, x, y, rows, matrices: 1);

    public void RecordGeglu(
        CommandRecorder commands, in WeightLayout layout, in MatrixPart gate, in MatrixPart up, in Activation x, in Activation u, RowGroup rows) =>
        Record(commands, layout, new Arguments { W = gate.Planes(layout), Up = up.Planes(layout), Rows = (uint)gate.Rows }, x, u, rows, matrices: 2);

    public void Dispose()
    {
        foreach (ComputePipeline pipeline in _vector.Values) pipeline.Dispose();
        foreach (ComputePipeline pipeline in _matrix.Values) pipeline.Dispose();
    }

    private void Record(
        CommandRecorder commands, in WeightLayout layout, Arguments arguments, in Activation x, in Activation y, RowGroup group, uint matrices)
    {
        arguments.X = x.Address;
        arguments.Y = y.Address;
        arguments.Chunks = (uint)layout.Chunks;
        arguments.XStride = (uint)x.Stride;
        arguments.YStride = (uint)y.Stride;
        arguments.Count = (uint)group.Count;
        int rows = (int)arguments.Rows;
        if (group.Kind == RowKind.Decoding)
            RecordVector(commands, layout, arguments, matrices);
        else
            commands.Dispatch(Matrix(layout, matrices), arguments, Grid.Cover(rows, RowsPerThread / matrices * device.SubgroupSize), Grid.Cover(group.Count, TokensPerTile));
    }

    private void RecordVector(CommandRecorder commands, in WeightLayout layout, in Arguments arguments, uint matrices)
    {
        int columns = 1;
        while (columns < Math.Min(arguments.Count, MostColumns)) columns *= 2;
        var key = new VectorPipeline(layout.Type, layout.TileRows, Subgroups(layout), (uint)columns, matrices);
        uint rows = Math.Min(MostRows, MostSums / (key.Columns * key.Matrices));
        if (!_vector.TryGetValue(key, out ComputePipeline? pipeline))
        {
            pipeline = new ComputePipeline(
                device, "mat_vec", key.Subgroups * device.SubgroupSize, (uint)key.Type, (uint)key.TileRows, key.Columns, key.Matrices, rows, key.Subgroups);
            _vector.Add(key, pipeline);
        }
        commands.Dispatch(pipeline, arguments, Grid.Cover((int)arguments.Count, key.Columns), Grid.Cover((int)arguments.Rows, rows));
    }

    private ComputePipeline Matrix(in WeightLayout layout, uint matrices)
    {
        var key = new MatrixPipeline(layout.Type, layout.TileRows, matrices);
        if (!_matrix.TryGetValue(key, out ComputePipeline? pipeline))
            _matrix.Add(key, pipeline = new ComputePipeline(device, "mat_mul", device.SubgroupSize, (uint)key.Type, (uint)key.TileRows, key.Matrices));
        return pipeline;
    }

    /// <summary>Subgroups that share out a row's columns, so that each thread has some four pieces of them. A matter of the width alone: it decides the order of sums.</summary>
    private uint Subgroups(in WeightLayout layout) =>
        Math.Clamp((uint)layout.Columns / ColumnsPerThread / (4 * device.SubgroupSize), 1, MostSubgroups);

    /// <summary>Pipelines are made for 1, 2, 4 and 8 columns of activations: each costs time to compile, and a few columns to spare cost little.</summary>
    private readonly record struct VectorPipeline(TensorType Type, int TileRows, uint Subgroups, uint Columns, uint Matrices);

    private readonly record struct MatrixPipeline(TensorType Type, int TileRows, uint Matrices);

    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public WeightAddresses W;
        public WeightAddresses Up;
        public ulong X;
        public ulong Y;
        public uint Rows;
        public uint Chunks;
        public uint XStride;
        public uint YStride;
        public uint Count;
    }
}
