using System.Runtime.InteropServices;
using Silk.NET.Vulkan;

namespace Gemma2.Backend.Device;

/// <summary>A piece of memory that kernels reach by its address.</summary>
internal sealed unsafe class GpuBuffer : DeviceObject
{
    private const BufferUsageFlags Usage = BufferUsageFlags.StorageBufferBit | BufferUsageFlags.ShaderDeviceAddressBit
        | BufferUsageFlags.TransferSrcBit | BufferUsageFlags.TransferDstBit;

    private readonly DeviceMemory _memory;
    private readonly byte* _mapped;

    /// <param name="device">Gives the memory.</param>
    /// <param name="bytes">Size; at least 1.</param>
    /// <param name="kind">Who touches it.</param>
    /// <param name="size">Size and purpose in words.</param>
    /// <exception cref="DeviceException">Not enough memory.</exception>
    internal GpuBuffer(GpuDevice device, long bytes, MemoryKind kind, string size)
        : base(device)
    {
        var info = new BufferCreateInfo { SType = StructureType.BufferCreateInfo, Size = (ulong)bytes, Usage = Usage };
        device.Api.CreateBuffer(device.Handle, in info, null, out Silk.NET.Vulkan.Buffer buffer).Check($"create a buffer of {size}");
        Handle = buffer;
        device.Api.GetBufferMemoryRequirements(device.Handle, buffer, out MemoryRequirements requirements);
        uint type = device.FindMemoryType(requirements.MemoryTypeBits, kind);
        var flags = new MemoryAllocateFlagsInfo { SType = StructureType.MemoryAllocateFlagsInfo, Flags = MemoryAllocateFlags.DeviceAddressBit };
        var allocation = new MemoryAllocateInfo
        {
            SType = StructureType.MemoryAllocateInfo,
            PNext = &flags,
            AllocationSize = requirements.Size,
            MemoryTypeIndex = type,
        };
        device.Api.AllocateMemory(device.Handle, in allocation, null, out DeviceMemory memory).Check($"take {size} on {device.Description.Name}");
        _memory = memory;
        Size = bytes;
        device.Count(bytes);

        device.Api.BindBufferMemory(device.Handle, buffer, memory, 0).Check("bind memory");
        void* mapped = null;
        if (device.MayMap(type, kind)) device.Api.MapMemory(device.Handle, memory, 0, Vk.WholeSize, 0, ref mapped).Check("map memory");
        _mapped = (byte*)mapped;
        var address = new BufferDeviceAddressInfo { SType = StructureType.BufferDeviceAddressInfo, Buffer = buffer };
        Address = device.Api.GetBufferDeviceAddress(device.Handle, in address);
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

    protected override void Free()
    {
        Device.Api.DestroyBuffer(Device.Handle, Handle, null);
        Device.Api.FreeMemory(Device.Handle, _memory, null);
        Device.Count(-Size);
    }
}
