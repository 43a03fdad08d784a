using System.Runtime.InteropServices;
using Silk.NET.Vulkan;

namespace Gemma2.Backend.Device;

/// <summary>A piece of memory that kernels reach by its address.</summary>
internal sealed unsafe class GpuBuffer : IDisposable
{
    private readonly GpuDevice _device;
    private readonly DeviceMemory _memory;
    private readonly byte* _mapped;

    internal GpuBuffer(GpuDevice device, Silk.NET.Vulkan.Buffer handle, DeviceMemory memory, ulong address, long size, byte* mapped)
    {
        (_device, Handle, _memory, Address, Size) = (device, handle, memory, address, size);
        _mapped = mapped;
    }

    public Silk.NET.Vulkan.Buffer Handle { get; }

    /// <summary>Where kernels find it.</summary>
    public ulong Address { get; }

    /// <summary>Length in bytes.</summary>
    public long Size { get; }

    /// <summary>True when <see cref="Span{T}"/> may be called.</summary>
    public bool IsHostVisible => _mapped != null;

    /// <summary>The content, for buffers that the host sees.</summary>
    public Span<T> Span<T>(long byteOffset, int count)
        where T : unmanaged
    {
        if (_mapped == null) throw new InvalidOperationException("This buffer is not visible to the host.");
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(byteOffset + ((long)count * sizeof(T)), Size, nameof(count));
        return MemoryMarshal.CreateSpan(ref *(T*)(_mapped + byteOffset), count);
    }

    public void Dispose()
    {
        _device.Api.DestroyBuffer(_device.Handle, Handle, null);
        _device.Api.FreeMemory(_device.Handle, _memory, null);
        _device.Forget(this);
    }
}
