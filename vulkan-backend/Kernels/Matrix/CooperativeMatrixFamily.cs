using System.Runtime.InteropServices;
using Gemma2.Backend.Device;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Kernels.Matrix;

/// <summary>Prompts on GPUs that multiply matrices (VK_KHR_cooperative_matrix): half_rows.comp, then mat_mul_coopmat.comp.</summary>
/// <param name="device">The device that multiplies; it has a <see cref="Shape"/>.</param>
/// <param name="tile">The only tile to use; null for what fits the work.</param>
internal sealed class CooperativeMatrixFamily(GpuDevice device, MatrixTile? tile = null) : PromptMatrixFamily(device, tile is { } only ? [only] : Tiles)
{
    /// <summary>From the largest to the smallest.</summary>
    public static readonly IReadOnlyList<MatrixTile> Tiles = [new(128, 128), new(64, 128), new(32, 128)];

    private const uint Subgroups = 4; // SUBGROUPS in mat_mul_coopmat.comp

    private readonly CooperativeMatrixShape _shape = Shape(device.Description.Capabilities)!;
    private readonly ComputePipeline _halves = new(device, "half_rows", device.SubgroupSize);
    private readonly ScratchBuffer _scratch = new(device, "prompts in float16");

    /// <summary>The largest of a device's shapes that every subgroup's part of a tile is made of; null when there is none.</summary>
    public static CooperativeMatrixShape? Shape(DeviceCapabilities capabilities) =>
        capabilities.CooperativeMatrixShapes.Where(Divides).MaxBy(shape => shape.M * shape.N * shape.K);

    // Who keeps weights in float32 wants them exact.
    public override bool Supports(in WeightLayout layout, RowKind kind, int matrices) => base.Supports(layout, kind, matrices) && layout.Type != TensorType.F32;

    public override void Dispose()
    {
        base.Dispose();
        _halves.Dispose();
        _scratch.Dispose();
    }

    protected override PreparedRows Prepare(CommandRecorder commands, in WeightLayout layout, in Activation x, int count)
    {
        int columns = layout.Chunks * WeightLayout.ChunkColumns;
        long bytes = (long)count * columns * sizeof(ushort);
        ulong halves = _scratch.Reserve(bytes + ((long)count * sizeof(float)));
        var arguments = new HalfArguments { X = x.Address, Halves = halves, Scales = halves + (ulong)bytes, XStride = (uint)x.Stride, Columns = (uint)columns };
        commands.Barrier(); // An earlier product may still read what is there.
        commands.Dispatch(_halves, arguments, (uint)count);
        commands.Barrier();
        return new PreparedRows(halves, (uint)columns, arguments.Scales);
    }

    protected override ComputePipeline CreatePipeline(in Variant variant) => new(
        Device, "mat_mul_coopmat", Subgroups * Device.SubgroupSize, [.. variant.Constants, (uint)_shape.M, (uint)_shape.N, (uint)_shape.K]);

    private static bool Divides(CooperativeMatrixShape shape)
    {
        MatrixTile smallest = Tiles[^1];
        return smallest.Tokens / 2 % shape.M == 0 && smallest.Rows / 4 % shape.N == 0 && WeightLayout.ChunkColumns % shape.K == 0;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct HalfArguments
    {
        public ulong X;
        public ulong Halves;
        public ulong Scales;
        public uint XStride;
        public uint Columns;
    }
}
