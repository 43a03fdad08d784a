using Gemma2.Backend.Device;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Kernels.Matrix;

/// <summary>Prompts on GPUs without cooperative matrices: mat_mul_tiled.comp. All types, all in float32.</summary>
/// <param name="device">The device that multiplies.</param>
/// <param name="tile">The only tile to use; null for what fits the device and the work.</param>
internal sealed class TiledMatrixFamily(GpuDevice device, MatrixTile? tile = null) : PromptMatrixFamily(device, tile is { } only ? [only] : Fitting(device))
{
    /// <summary>From the largest to the smallest.</summary>
    public static readonly IReadOnlyList<MatrixTile> Tiles = [new(128, 128), new(64, 64), new(32, 64)];

    private const uint RowsPerThread = 8;
    private const uint LargeTile = 128; // from here on a thread makes 8 tokens, before 4

    protected override PreparedRows Prepare(CommandRecorder commands, in WeightLayout layout, in Activation x, int count) => new(x.Address, (uint)x.Stride);

    protected override ComputePipeline CreatePipeline(in Variant variant)
    {
        MatrixTile size = variant.Tile;
        uint quads = size.Tokens >= LargeTile ? 2u : 1u; // QUADS
        uint threads = size.Rows / RowsPerThread * (size.Tokens / (4 * quads));
        return new ComputePipeline(Device, "mat_mul_tiled", threads, [.. variant.Constants, quads]);
    }

    private static MatrixTile[] Fitting(GpuDevice device) =>
        [.. Tiles.Where(size => (size.Tokens + size.Rows) * WeightLayout.ChunkColumns * sizeof(float) <= device.Description.Capabilities.SharedMemoryBytes)];
}
