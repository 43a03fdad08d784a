using System.Runtime.InteropServices;
using Gemma2.Backend.Device;
using Gemma2.Backend.Weights;

namespace Gemma2.Backend.Kernels;

/// <summary>softmax(softcap(scale * Q K^T) + mask) V over the KV cache, for grouped query heads and an optional sliding window.</summary>
internal sealed class FirstAttentionKernel(GpuDevice device, AttentionShape shape, TensorType cacheType) : IDisposable
{
    private readonly ComputePipeline _pipeline = new(
        device,
        "first_attention",
        device.SubgroupSize,
        (uint)cacheType,
        (uint)shape.CacheStride,
        Grid.Cover(shape.CacheStride / AttentionShape.CacheAlignment, device.SubgroupSize));

    /// <param name="commands">Where to record.</param>
    /// <param name="qkv">[count, (heads + 2 * kvHeads) * headDim]: rotated queries first.</param>
    /// <param name="cache">Keys and values of all positions that the queries see, their own included.</param>
    /// <param name="y">[count, heads * headDim].</param>
    /// <param name="position">Position of the first query.</param>
    /// <param name="window">A query sees this many positions, itself included; null for all.</param>
    /// <param name="count">Number of queries.</param>
    public void Record(CommandRecorder commands, in Activation qkv, in DeviceCache cache, in Activation y, int position, int? window, int count)
    {
        var arguments = new Arguments
        {
            Qkv = qkv.Address,
            Keys = cache.Keys,
            Values = cache.Values,
            Y = y.Address,
            QkvStride = (uint)qkv.Stride,
            YStride = (uint)y.Stride,
            HeadDimension = (uint)shape.HeadDimension,
            Group = (uint)shape.Group,
            Slots = (uint)cache.Slots,
            Position = (uint)position,
            Window = (uint)(window ?? int.MaxValue),
            Scale = (float)shape.Scale,
            Softcap = (float)shape.Softcap,
        };
        commands.Dispatch(_pipeline, arguments, (uint)shape.Heads, (uint)count);
    }

    public void Dispose() => _pipeline.Dispose();

    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public ulong Qkv;
        public ulong Keys;
        public ulong Values;
        public ulong Y;
        public uint QkvStride;
        public uint YStride;
        public uint HeadDimension;
        public uint Group;
        public uint Slots;
        public uint Position;
        public uint Window;
        public float Scale;
        public float Softcap;
    }
}
