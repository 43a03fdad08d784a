using System.Runtime.InteropServices;
using Gemma2.Backend.Device;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Kernels.Attention;

/// <summary>
/// Attention of single queries of any sequences, several of one too: one dispatch over splits of the keys, a second one that puts the splits together. How keys are
/// split follows from a row's position and the window alone, so a row's result has the same bits whatever else is in the step, and the grid is the same
/// for all positions, so that it can be recorded once.
/// </summary>
internal sealed class AttentionDecodeKernel : IDisposable
{
    // Enough workgroups to fill a GPU even for one sequence; fewer where a workgroup costs as much as several keys.
    private const int SplitsOnGpu = 32;
    private const int SplitsOnCpu = 8;

    // A thread keeps this many elements of queries, and as many sums, in registers; eight threads share a head.
    private const int RegistersAThread = 64;
    private const int ThreadsAHead = 8; // CLUSTER in attention_decode.comp

    private readonly AttentionShape _shape;
    private readonly int _splits;
    private readonly int _headsTogether;
    private readonly ComputePipeline _decode;
    private readonly ComputePipeline _combine;

    public AttentionDecodeKernel(GpuDevice device, AttentionShape shape, TensorType cacheType)
    {
        _shape = shape;
        _splits = device.Description.Kind == DeviceKind.Software ? SplitsOnCpu : SplitsOnGpu;
        _headsTogether = Math.Clamp(RegistersAThread * ThreadsAHead / shape.HeadDimension, 1, shape.Group);
        _decode = new ComputePipeline(
            device, "attention_decode", device.SubgroupSize, (uint)cacheType, (uint)shape.HeadDimension, (uint)_headsTogether);
        _combine = new ComputePipeline(device, "attention_combine", device.SubgroupSize, (uint)cacheType, (uint)shape.HeadDimension);
    }

    /// <summary>Bytes of scratch for a number of rows.</summary>
    public static long ScratchBytes(AttentionShape shape, int rows) => (long)rows * shape.Heads * SplitsOnGpu * PartialBytes(shape.HeadDimension);

    /// <param name="commands">Where to record.</param>
    /// <param name="stepRows">[count] <see cref="StepRow"/>: position and sequence of each query.</param>
    /// <param name="qkv">[count, (heads + 2 * kvHeads) * headDim]: rotated queries first.</param>
    /// <param name="cache">Keys and values of all positions that the queries see, their own included.</param>
    /// <param name="y">[count, heads * headDim].</param>
    /// <param name="scratch"><see cref="ScratchBytes"/> of device memory.</param>
    /// <param name="window">A query sees this many positions, itself included; null for all.</param>
    /// <param name="count">Number of queries.</param>
    public void Record(CommandRecorder commands, ulong stepRows, in Activation qkv, in LayerCache cache, in Activation y, ulong scratch, int? window, int count)
    {
        uint visible = (uint)(window ?? int.MaxValue);
        var decode = new DecodeArguments
        {
            StepRows = stepRows,
            Qkv = qkv.Address,
            Table = cache.Table,
            Scratch = scratch,
            TableStride = (uint)cache.TableStride,
            LayerOffset = cache.LayerOffset,
            QkvStride = (uint)qkv.Stride,
            Heads = (uint)_shape.Heads,
            Group = (uint)_shape.Group,
            Window = visible,
            Scale = (float)_shape.Scale,
            Softcap = (float)_shape.Softcap,
        };
        uint chunks = Grid.Cover(_shape.Group, (uint)_headsTogether);
        commands.Dispatch(_decode, decode, (uint)_splits, (uint)_shape.KeyValueHeads * chunks, (uint)count);
        commands.Barrier();
        var combine = new CombineArguments
        {
            StepRows = stepRows,
            Scratch = scratch,
            Y = y.Address,
            YStride = (uint)y.Stride,
            Window = visible,
            Splits = (uint)_splits,
        };
        commands.Dispatch(_combine, combine, (uint)_shape.Heads, (uint)count);
    }

    public void Dispose()
    {
        _combine.Dispose();
        _decode.Dispose();
    }

    /// <summary>PARTIAL_BYTES in attention_splits.glsl.</summary>
    private static int PartialBytes(int headDimension) => ((headDimension + 7) / 8 * 8 + 8) * sizeof(float);

    [StructLayout(LayoutKind.Sequential)]
    private struct DecodeArguments
    {
        public ulong StepRows;
        public ulong Qkv;
        public ulong Table;
        public ulong Scratch;
        public uint TableStride;
        public uint LayerOffset;
        public uint QkvStride;
        public uint Heads;
        public uint Group;
        public uint Window;
        public float Scale;
        public float Softcap;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct CombineArguments
    {
        public ulong StepRows;
        public ulong Scratch;
        public ulong Y;
        public uint YStride;
        public uint Window;
        public uint Splits;
    }
}
