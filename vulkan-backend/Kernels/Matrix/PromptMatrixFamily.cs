using System.Runtime.InteropServices;
using Gemma2.Backend.Device;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Kernels.Matrix;

/// <summary>
/// What the families for prompts on GPUs share: matrix-matrix kernels over matrix_tile.glsl, in tiles of shared memory. They differ in how they
/// multiply, and in the form in which they take activations.
/// </summary>
/// <param name="device">The device that multiplies.</param>
/// <param name="tiles">Tiles that it has room for, from the largest to the smallest.</param>
internal abstract class PromptMatrixFamily(GpuDevice device, IReadOnlyList<MatrixTile> tiles) : IMatrixFamily
{
    private readonly Dictionary<Variant, ComputePipeline> _pipelines = [];

    protected GpuDevice Device => device;

    public bool TreatsKindsAlike => false;

    public virtual bool Supports(in WeightLayout layout, RowKind kind, int matrices) => kind == RowKind.Prompt;

    public void Record(CommandRecorder commands, in WeightLayout layout, in MatrixPart w, in Activation x, in Activation y, RowGroup rows) =>
        Record(commands, layout, new Arguments { W = w.Planes(layout), Rows = (uint)w.Rows }, x, y, rows.Count, matrices: 1);

    public void RecordGeglu(
        CommandRecorder commands, in WeightLayout layout, in MatrixPart gate, in MatrixPart up, in Activation x, in Activation u, RowGroup rows) =>
        Record(commands, layout, new Arguments { W = gate.Planes(layout), Up = up.Planes(layout), Rows = (uint)gate.Rows }, x, u, rows.Count, matrices: 2);

    public virtual void Dispose()
    {
        foreach (ComputePipeline pipeline in _pipelines.Values) pipeline.Dispose();
    }

    /// <summary>Records what brings activations into the kernel's form, if it has one of its own.</summary>
    protected abstract PreparedRows Prepare(CommandRecorder commands, in WeightLayout layout, in Activation x, int count);

    /// <summary>Compiles the kernel for a type of weights and a tile.</summary>
    protected abstract ComputePipeline CreatePipeline(in Variant variant);

    private void Record(CommandRecorder commands, in WeightLayout layout, Arguments arguments, in Activation x, in Activation y, int count, uint matrices)
    {
        PreparedRows prepared = Prepare(commands, layout, x, count);
        arguments.X = prepared.Address;
        arguments.Scales = prepared.Scales;
        arguments.XStride = prepared.Stride;
        arguments.Y = y.Address;
        arguments.YStride = (uint)y.Stride;
        arguments.Chunks = (uint)layout.Chunks;
        arguments.Tokens = (uint)count;
        int rows = (int)(matrices * arguments.Rows);
        MatrixTile tile = MatrixTile.Choose(tiles, count, rows);
        (uint across, uint down) = tile.Cover(count, rows);
        commands.Dispatch(Pipeline(new Variant(layout.Type, layout.TileRows, matrices, tile)), arguments, across, down);
    }

    private ComputePipeline Pipeline(in Variant variant)
    {
        if (!_pipelines.TryGetValue(variant, out ComputePipeline? pipeline)) _pipelines.Add(variant, pipeline = CreatePipeline(variant));
        return pipeline;
    }

    /// <summary>Activations as a kernel takes them.</summary>
    /// <param name="Address">Where they are.</param>
    /// <param name="Stride">From one token to the next, in the kernel's own unit.</param>
    /// <param name="Scales">Where their scales are, if they have any of their own.</param>
    protected readonly record struct PreparedRows(ulong Address, uint Stride, ulong Scales = 0);

    /// <summary>What a pipeline is specialized to; the first constants of matrix_tile.glsl.</summary>
    protected readonly record struct Variant(TensorType Type, int TileRows, uint Matrices, MatrixTile Tile)
    {
        public uint[] Constants => [(uint)Type, (uint)TileRows, Matrices, Tile.Tokens, Tile.Rows];
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public WeightAddresses W;
        public WeightAddresses Up;
        public ulong X;
        public ulong Scales;
        public ulong Y;
        public uint Rows;
        public uint Chunks;
        public uint XStride;
        public uint YStride;
        public uint Tokens;
    }
}
