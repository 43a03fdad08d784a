using System.Runtime.InteropServices;
using Gemma2.Backend.Device;

namespace Gemma2.Backend.Kernels.Rows;

/// <summary>u = gelu(g) * u, row by row, in place: what is left to do where gate and up matrices are of two types.</summary>
/// <param name="device">The device that runs it.</param>
internal sealed class GegluKernel(GpuDevice device) : IDisposable
{
    private readonly ComputePipeline _pipeline = new(device, "geglu", Math.Max(Grid.ElementwiseWidth, device.SubgroupSize));

    /// <param name="commands">Where to record.</param>
    /// <param name="g">[count, width]: x Wg^T.</param>
    /// <param name="u">[count, width]: x Wu^T, updated.</param>
    /// <param name="count">Number of rows.</param>
    public void Record(CommandRecorder commands, in Activation g, in Activation u, int count) =>
        commands.Dispatch(_pipeline, new Arguments { G = g.Address, U = u.Address, Width = (uint)u.Width, Stride = (uint)u.Stride }, (uint)count);

    public void Dispose() => _pipeline.Dispose();

    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public ulong G;
        public ulong U;
        public uint Width;
        public uint Stride;
    }
}
