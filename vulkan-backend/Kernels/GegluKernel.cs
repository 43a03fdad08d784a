using System.Runtime.InteropServices;
using Gemma2.Backend.Device;

namespace Gemma2.Backend.Kernels;

/// <summary>u = gelu(gate) * up.</summary>
internal sealed class GegluKernel(GpuDevice device) : IDisposable
{
    private readonly ComputePipeline _pipeline = new(device, "geglu", Grid.ElementwiseWidth);

    /// <param name="commands">Where to record.</param>
    /// <param name="gateUp">[count, 2 * width]: gate, then up.</param>
    /// <param name="u">[count, width].</param>
    /// <param name="count">Number of tokens.</param>
    public void Record(CommandRecorder commands, in Activation gateUp, in Activation u, int count)
    {
        var arguments = new Arguments
        {
            GateUp = gateUp.Address,
            U = u.Address,
            Width = (uint)u.Width,
            GateUpStride = (uint)gateUp.Stride,
            Stride = (uint)u.Stride,
        };
        commands.Dispatch(_pipeline, arguments, Grid.Cover(u.Width, Grid.ElementwiseWidth), (uint)count);
    }

    public void Dispose() => _pipeline.Dispose();

    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public ulong GateUp;
        public ulong U;
        public uint Width;
        public uint GateUpStride;
        public uint Stride;
    }
}
