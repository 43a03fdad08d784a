using System.Runtime.InteropServices;
using Gemma2.Backend.Device;

namespace Gemma2.Backend.Kernels;

/// <summary>The seam between two blocks: x += norm(o, postWeight), then h = norm(x, preWeight), row by row.</summary>
internal sealed class AddNormKernel(GpuDevice device) : IDisposable
{
    private readonly ComputePipeline _pipeline = new(device, "add_norm", device.SubgroupSize);

    /// <param name="commands">Where to record.</param>
    /// <param name="o">[count, width]: a block's output.</param>
    /// <param name="postWeight">[width] float32: norm of that output.</param>
    /// <param name="x">[count, width]: the residual stream, updated.</param>
    /// <param name="preWeight">[width] float32: norm before the next block.</param>
    /// <param name="h">[count, width]: the next block's input.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="count">Number of rows.</param>
    public void Record(
        CommandRecorder commands,
        in Activation o,
        ulong postWeight,
        in Activation x,
        ulong preWeight,
        in Activation h,
        double epsilon,
        int count)
    {
        var arguments = new Arguments
        {
            O = o.Address,
            PostWeight = postWeight,
            X = x.Address,
            PreWeight = preWeight,
            H = h.Address,
            Width = (uint)x.Width,
            Stride = (uint)x.Stride,
            Epsilon = (float)epsilon,
        };
        commands.Dispatch(_pipeline, arguments, (uint)count);
    }

    public void Dispose() => _pipeline.Dispose();

    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public ulong O;
        public ulong PostWeight;
        public ulong X;
        public ulong PreWeight;
        public ulong H;
        public uint Width;
        public uint Stride;
        public float Epsilon;
    }
}
