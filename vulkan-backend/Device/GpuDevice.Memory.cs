using Silk.NET.Vulkan;

namespace Gemma2.Backend.Device;

/// <summary>Who touches a buffer, which decides the memory that it lives in.</summary>
internal enum MemoryKind
{
    /// <summary>The device's own memory; also visible to the host where that costs nothing.</summary>
    Device,

    /// <summary>Host memory that the device reads: written in order, once.</summary>
    Upload,

    /// <summary>Host memory that the device writes and the host reads.</summary>
    Readback,
}

internal sealed unsafe partial class GpuDevice
{
    private const BufferUsageFlags Usage = BufferUsageFlags.StorageBufferBit | BufferUsageFlags.ShaderDeviceAddressBit
        | BufferUsageFlags.TransferSrcBit | BufferUsageFlags.TransferDstBit;

    /// <summary>Coherent, so that nothing has to be flushed.</summary>
    private const MemoryPropertyFlags HostVisible = MemoryPropertyFlags.HostVisibleBit | MemoryPropertyFlags.HostCoherentBit;

    private long _allocatedBytes;

    /// <summary>Bytes of all buffers that are there now.</summary>
    public long AllocatedBytes => Interlocked.Read(ref _allocatedBytes);

    /// <summary>Takes memory. Its content is undefined.</summary>
    /// <param name="bytes">Size; at least 1.</param>
    /// <param name="kind">Who touches it.</param>
    /// <param name="purpose">For the message when there is not enough: "the KV cache".</param>
    /// <exception cref="DeviceException">Not enough memory, or more than the device gives in one piece.</exception>
    public GpuBuffer Allocate(long bytes, MemoryKind kind, string purpose)
    {
        string size = $"{bytes / (1024.0 * 1024.0):0.#} MiB for {purpose}";
        if (bytes > _maxAllocationBytes)
            throw new DeviceException($"{Description.Name} gives at most {_maxAllocationBytes >> 20} MiB in one allocation, but {size} are needed.");

        var info = new BufferCreateInfo { SType = StructureType.BufferCreateInfo, Size = (ulong)bytes, Usage = Usage };
        Api.CreateBuffer(Handle, in info, null, out Silk.NET.Vulkan.Buffer buffer).Check($"create a buffer of {size}");
        Api.GetBufferMemoryRequirements(Handle, buffer, out MemoryRequirements requirements);
        uint type = FindMemoryType(requirements.MemoryTypeBits, kind);
        var flags = new MemoryAllocateFlagsInfo { SType = StructureType.MemoryAllocateFlagsInfo, Flags = MemoryAllocateFlags.DeviceAddressBit };
        var allocation = new MemoryAllocateInfo
        {
            SType = StructureType.MemoryAllocateInfo,
            PNext = &flags,
            AllocationSize = requirements.Size,
            MemoryTypeIndex = type,
        };
        Result result = Api.AllocateMemory(Handle, in allocation, null, out DeviceMemory memory);
        if (result < Result.Success) Api.DestroyBuffer(Handle, buffer, null);
        result.Check($"take {size} on {Description.Name}");
        Interlocked.Add(ref _allocatedBytes, bytes);

        Api.BindBufferMemory(Handle, buffer, memory, 0).Check("bind memory");
        void* mapped = null;
        bool isHidden = kind == MemoryKind.Device && _hideDeviceMemory;
        if (!isHidden && _memory.MemoryTypes[(int)type].PropertyFlags.HasFlag(HostVisible))
            Api.MapMemory(Handle, memory, 0, Vk.WholeSize, 0, ref mapped).Check("map memory");
        var address = new BufferDeviceAddressInfo { SType = StructureType.BufferDeviceAddressInfo, Buffer = buffer };
        return new GpuBuffer(this, buffer, memory, Api.GetBufferDeviceAddress(Handle, in address), bytes, (byte*)mapped);
    }

    /// <summary>Counts a buffer that is gone.</summary>
    internal void Forget(GpuBuffer buffer) => Interlocked.Add(ref _allocatedBytes, -buffer.Size);

    /// <summary>The first memory type that has the best set of properties for a use; drivers list better types first.</summary>
    private uint FindMemoryType(uint allowed, MemoryKind kind)
    {
        ReadOnlySpan<MemoryPropertyFlags> wishes = kind switch
        {
            MemoryKind.Device => [MemoryPropertyFlags.DeviceLocalBit, 0],
            MemoryKind.Upload => [HostVisible],
            _ => [HostVisible | MemoryPropertyFlags.HostCachedBit, HostVisible],
        };
        foreach (MemoryPropertyFlags wish in wishes)
        {
            for (int type = 0; type < _memory.MemoryTypeCount; type++)
            {
                if ((allowed & (1u << type)) != 0 && (_memory.MemoryTypes[type].PropertyFlags & wish) == wish && IsLargeEnough(type, kind))
                    return (uint)type;
            }
        }
        throw new DeviceException($"{Description.Name} has no memory type for {kind} buffers.");
    }

    /// <summary>Keeps weights out of the small window of device memory that some GPUs show to the host.</summary>
    private bool IsLargeEnough(int type, MemoryKind kind) =>
        kind != MemoryKind.Device || (long)_memory.MemoryHeaps[(int)_memory.MemoryTypes[type].HeapIndex].Size >= Description.MemoryBytes;
}
