using Gemma2.Backend.Device;

namespace Gemma2.Backend.Kernels;

/// <summary>Sizes of dispatches.</summary>
internal static class Grid
{
    /// <summary>Threads a workgroup of kernels whose threads do not talk to each other.</summary>
    public const uint ElementwiseWidth = 64;

    /// <summary>
    /// Threads a workgroup that sums over a row. Where the device is a CPU, one subgroup, as all of a workgroup runs on one core; elsewhere many, as they
    /// wait for memory together.
    /// </summary>
    private static uint RowWidth(GpuDevice device) => device.Description.Kind == DeviceKind.Software ? device.SubgroupSize : 256;

    /// <summary>A shader whose workgroups sum over rows (workgroup.glsl): its specialization constant 1 is the number of subgroups, 2, 3, ... are its own.</summary>
    /// <param name="device">The device that runs it.</param>
    /// <param name="shader">The shader's name.</param>
    /// <param name="width">Threads that share a row; null for what suits the device.</param>
    /// <param name="constants">Values of the specialization constants 2, 3, ...</param>
    public static ComputePipeline RowPipeline(GpuDevice device, string shader, uint? width, params ReadOnlySpan<uint> constants)
    {
        uint threads = width ?? RowWidth(device);
        return new ComputePipeline(device, shader, threads, [threads / device.SubgroupSize, .. constants]);
    }

    /// <summary>How many pieces of a size cover a count.</summary>
    public static uint Cover(int count, uint size) => ((uint)count + size - 1) / size;
}
