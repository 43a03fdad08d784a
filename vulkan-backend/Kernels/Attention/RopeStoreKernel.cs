using System.Runtime.InteropServices;
using Gemma2.Backend.Device;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Kernels.Attention;

/// <summary>Rotates queries in place, and writes rotated keys and values into the KV cache, each into its sequence's block.</summary>
internal sealed class RopeStoreKernel(GpuDevice device, AttentionShape shape, TensorType cacheType) : IDisposable
{
    private readonly ComputePipeline _pipeline = new(device, "rope_store", device.SubgroupSize, (uint)cacheType, (uint)shape.HeadDimension);

    /// <param name="commands">Where to record.</param>
    /// <param name="stepRows">[count] <see cref="StepRow"/>: position and sequence of each row.</param>
    /// <param name="qkv">[count, (heads + 2 * kvHeads) * headDim]: queries, keys, values.</param>
    /// <param name="angles">[positions, headDim] float32: see <see cref="RotaryTable"/>.</param>
    /// <param name="cache">Where keys and values go.</param>
    /// <param name="count">Number of rows.</param>
    public void Record(CommandRecorder commands, ulong stepRows, in Activation qkv, ulong angles, in LayerCache cache, int count)
    {
        if (qkv.Width != shape.QkvWidth) throw new ArgumentException($"Rows of {qkv.Width}, not {shape.QkvWidth}.", nameof(qkv));
        var arguments = new Arguments
        {
            StepRows = stepRows,
            Qkv = qkv.Address,
            Angles = angles,
            Table = cache.Table,
            TableStride = (uint)cache.TableStride,
            LayerOffset = cache.LayerOffset,
            QkvStride = (uint)qkv.Stride,
            Heads = (uint)shape.Heads,
            KeyValueHeads = (uint)shape.KeyValueHeads,
        };
        commands.Dispatch(_pipeline, arguments, (uint)(shape.Heads + (2 * shape.KeyValueHeads)), (uint)count);
    }

    public void Dispose() => _pipeline.Dispose();

    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public ulong StepRows;
        public ulong Qkv;
        public ulong Angles;
        public ulong Table;
        public uint TableStride;
        public uint LayerOffset;
        public uint QkvStride;
        public uint Heads;
        public uint KeyValueHeads;
    }
}
