using System.Runtime.InteropServices;
using Silk.NET.Vulkan;

namespace Gemma2.Backend.Device;

/// <summary>A piece of memory that kernels reach by its address.</summary>
internal sealed unsafe class GpuBuffer : DeviceObject
{
    private const BufferUsageFlags Usage = BufferUsageFlags.StorageBufferBit | BufferUsageFlags.ShaderDeviceAddressBit
        | BufferUsageFlags.TransferSrcBit | BufferUsageFlags.TransferDstBit;

    private readonly DeviceMemory _memory;
    private readonly byte* _host;
    private readonly ulong _hostBytes;
    private readonly byte* _mapped;

    /// <param name="device">Gives the memory.</param>
    /// <param name="bytes">Size; at least 1.</param>
    /// <param name="kind">Who touches it.</param>
    /// <param name="size">Size and purpose in words.</param>
    /// <exception cref="DeviceException">Not enough memory.</exception>
    internal GpuBuffer(GpuDevice device, long bytes, MemoryKind kind, string size)
        : base(device)
    {
        bool isHosts = device.TakesHostMemory(kind);
        var external = new ExternalMemoryBufferCreateInfo
        {
            SType = StructureType.ExternalMemoryBufferCreateInfo,
            HandleTypes = ExternalMemoryHandleTypeFlags.HostAllocationBitExt,
        };
        var info = new BufferCreateInfo { SType = StructureType.BufferCreateInfo, PNext = isHosts ? &external : null, Size = (ulong)bytes, Usage = Usage };
        device.Api.CreateBuffer(device.Handle, in info, null, out Silk.NET.Vulkan.Buffer buffer).Check($"create a buffer of {size}");
        Handle = buffer;
        device.Api.GetBufferMemoryRequirements(device.Handle, buffer, out MemoryRequirements requirements);
        ulong taken = requirements.Size;
        uint types = requirements.MemoryTypeBits;
        if (isHosts)
        {
            _hostBytes = taken = HostMemory.WholePages(taken);
            _host = HostMemory.Take(taken);
            if (_host == null) throw new DeviceException($"Could not take {size} on {device.Description.Name}: out of host memory.");
            types &= HostMemory.MemoryTypes(device, _host);
        }
        uint type = device.FindMemoryType(types, kind);
        var imported = new ImportMemoryHostPointerInfoEXT
        {
            SType = StructureType.ImportMemoryHostPointerInfoExt,
            HandleType = ExternalMemoryHandleTypeFlags.HostAllocationBitExt,
            PHostPointer = _host,
        };
        var flags = new MemoryAllocateFlagsInfo { SType = StructureType.MemoryAllocateFlagsInfo, PNext = isHosts ? &imported : null, Flags = MemoryAllocateFlags.DeviceAddressBit };
        var allocation = new MemoryAllocateInfo
        {
            SType = StructureType.MemoryAllocateInfo,
            PNext = &flags,
            AllocationSize = taken,
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
        HostMemory.Free(_host, _hostBytes);
        Device.Count(-Size);
    }
}
