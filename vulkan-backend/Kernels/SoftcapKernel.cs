using System.Runtime.InteropServices;
using Gemma2.Backend.Device;

namespace Gemma2.Backend.Kernels;

/// <summary>y = cap * tanh(x / cap) over a vector; a cap of 0 copies.</summary>
internal sealed class SoftcapKernel(GpuDevice device) : IDisposable
{
    private readonly ComputePipeline _pipeline = new(device, "softcap", Grid.ElementwiseWidth);

    /// <param name="commands">Where to record.</param>
    /// <param name="x">[count] float32.</param>
    /// <param name="y">[count] float32; may be <paramref name="x"/>.</param>
    /// <param name="cap">Results lie between -cap and cap; 0 means no cap.</param>
    /// <param name="count">Number of elements.</param>
    public void Record(CommandRecorder commands, ulong x, ulong y, double cap, int count)
    {
        var arguments = new Arguments { X = x, Y = y, Count = (uint)count, Cap = (float)cap };
        commands.Dispatch(_pipeline, arguments, Grid.Cover(count, Grid.ElementwiseWidth));
    }

    public void Dispose() => _pipeline.Dispose();

    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public ulong X;
        public ulong Y;
        public uint Count;
        public float Cap;
    }
}
