using System.Runtime.InteropServices;
using Gemma2.Backend.Device;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Kernels.Matrix;

/// <summary>Prompts by dot products of packed 8-bit integers: quantize_rows.comp, then mat_mul_int8.comp. Quantized weights only.</summary>
/// <param name="device">The device that multiplies.</param>
/// <param name="tile">The only tile to use; null for what fits the work.</param>
internal sealed class Int8MatrixFamily(GpuDevice device, MatrixTile? tile = null) : PromptMatrixFamily(device, tile is { } only ? [only] : Tiles)
{
    /// <summary>From the largest to the smallest.</summary>
    public static readonly IReadOnlyList<MatrixTile> Tiles = [new(64, 64), new(32, 64)];

    private const uint TokensPerThread = 4;
    private const uint RowsPerThread = 4;
    private const int ChunkBytes = 80; // QuantizedChunk in quantized_row.glsl

    private readonly ComputePipeline _quantize = new(device, "quantize_rows", Grid.ElementwiseWidth);
    private readonly ScratchBuffer _scratch = new(device, "prompts in integers");

    public override bool Supports(in WeightLayout layout, RowKind kind, int matrices) => base.Supports(layout, kind, matrices) && layout.Type.IsQuantized();

    public override void Dispose()
    {
        base.Dispose();
        _quantize.Dispose();
        _scratch.Dispose();
    }

    protected override PreparedRows Prepare(CommandRecorder commands, in WeightLayout layout, in Activation x, int count)
    {
        ulong quantized = _scratch.Reserve((long)count * layout.Chunks * ChunkBytes);
        var arguments = new QuantizeArguments { X = x.Address, Quantized = quantized, XStride = (uint)x.Stride, Chunks = (uint)layout.Chunks };
        commands.Barrier(); // An earlier product may still read what is there.
        commands.Dispatch(_quantize, arguments, Grid.Cover(layout.Chunks, Grid.ElementwiseWidth), (uint)count);
        commands.Barrier();
        return new PreparedRows(quantized, arguments.Chunks);
    }

    protected override ComputePipeline CreatePipeline(in Variant variant) => new(
        Device, "mat_mul_int8", variant.Tile.Rows / RowsPerThread * (variant.Tile.Tokens / TokensPerThread), variant.Constants);

    [StructLayout(LayoutKind.Sequential)]
    private struct QuantizeArguments
    {
        public ulong X;
        public ulong Quantized;
        public uint XStride;
        public uint Chunks;
    }
}
