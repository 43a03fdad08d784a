using System.Runtime.InteropServices;
using Gemma2.Backend.Device;
using Gemma2.Backend.Weights;

namespace Gemma2.Backend.Kernels;

/// <summary>Rotates queries in place, and writes rotated keys and values into the KV cache.</summary>
internal sealed class FirstRopeStoreKernel(GpuDevice device, AttentionShape shape, TensorType cacheType) : IDisposable
{
    private readonly ComputePipeline _pipeline = new(device, "first_rope_store", device.SubgroupSize, (uint)cacheType);

    /// <param name="commands">Where to record.</param>
    /// <param name="qkv">[count, (heads + 2 * kvHeads) * headDim]: queries, keys, values.</param>
    /// <param name="angles">[positions, headDim] float32: see <see cref="RotaryTable"/>.</param>
    /// <param name="cache">Where keys and values go.</param>
    /// <param name="position">Position of the first token.</param>
    /// <param name="count">Number of tokens.</param>
    public void Record(CommandRecorder commands, in Activation qkv, ulong angles, in DeviceCache cache, int position, int count)
    {
        var arguments = new Arguments
        {
            Qkv = qkv.Address,
            Angles = angles,
            Keys = cache.Keys,
            Values = cache.Values,
            QkvStride = (uint)qkv.Stride,
            Heads = (uint)shape.Heads,
            KeyValueHeads = (uint)shape.KeyValueHeads,
            HeadDimension = (uint)shape.HeadDimension,
            CacheStride = (uint)shape.CacheStride,
            Slots = (uint)cache.Slots,
            Position = (uint)position,
        };
        commands.Dispatch(_pipeline, arguments, (uint)(shape.Heads + (2 * shape.KeyValueHeads)), (uint)count);
    }

    public void Dispose() => _pipeline.Dispose();

    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public ulong Qkv;
        public ulong Angles;
        public ulong Keys;
        public ulong Values;
        public uint QkvStride;
        public uint Heads;
        public uint KeyValueHeads;
        public uint HeadDimension;
        public uint CacheStride;
        public uint Slots;
        public uint Position;
    }
}
