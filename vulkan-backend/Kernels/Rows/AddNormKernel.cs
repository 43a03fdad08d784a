using System.Runtime.InteropServices;
using Gemma2.Backend.Device;

namespace Gemma2.Backend.Kernels.Rows;

/// <summary>The seam between two blocks: x += norm(o, postWeight), then h = norm(x, preWeight), row by row.</summary>
/// <param name="device">The device that runs it.</param>
/// <param name="workgroupSize">Threads that share a row; null for what suits the device.</param>
internal sealed class AddNormKernel(GpuDevice device, uint? workgroupSize = null) : IDisposable
{
    private readonly ComputePipeline _pipeline = Grid.RowPipeline(device, "add_norm", workgroupSize);

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
