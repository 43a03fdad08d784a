using System.Runtime.InteropServices;
using Gemma2.Backend.Device;

namespace Gemma2.Backend.Kernels.Rows;

/// <summary>y = x * rsqrt(mean(x^2) + epsilon) * (1 + weight), row by row.</summary>
/// <param name="device">The device that runs it.</param>
/// <param name="workgroupSize">Threads that share a row; null for what suits the device.</param>
internal sealed class RmsNormKernel(GpuDevice device, uint? workgroupSize = null) : IDisposable
{
    private readonly ComputePipeline _pipeline = Grid.RowPipeline(device, "rms_norm", workgroupSize);

    /// <param name="commands">Where to record.</param>
    /// <param name="x">[count, width].</param>
    /// <param name="weight">[width] float32.</param>
    /// <param name="y">[count, width]; may be <paramref name="x"/>.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="count">Number of rows.</param>
    public void Record(CommandRecorder commands, in Activation x, ulong weight, in Activation y, double epsilon, int count)
    {
        var arguments = new Arguments
        {
            X = x.Address,
            Weight = weight,
            Y = y.Address,
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
        public ulong X;
        public ulong Weight;
        public ulong Y;
        public uint Width;
        public uint Stride;
        public float Epsilon;
    }
}
