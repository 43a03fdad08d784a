using Gemma2.Backend.Device;

namespace Gemma2.Backend.Kernels;

/// <summary>Device memory for what one dispatch hands to the next. It grows when more is asked for; recorded commands may still name what it had before.</summary>
internal sealed class ScratchBuffer(GpuDevice device, string purpose) : IDisposable
{
    private readonly List<GpuBuffer> _buffers = [];

    /// <summary>Memory of at least <paramref name="bytes"/>.</summary>
    /// <exception cref="DeviceException">The device has no more.</exception>
    public ulong Reserve(long bytes)
    {
        if (_buffers.Count == 0 || _buffers[^1].Size < bytes) _buffers.Add(device.Allocate(bytes, MemoryKind.Device, purpose));
        return _buffers[^1].Address;
    }

    public void Dispose()
    {
        foreach (GpuBuffer buffer in _buffers) buffer.Dispose();
    }
}
