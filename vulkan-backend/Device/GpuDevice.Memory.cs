using Silk.NET.Vulkan;

namespace Gemma2.Backend.Device;

/// <summary>Who touches a buffer, which decides the memory that it lives in.</summary>
internal enum MemoryKind
{
    /// <summary>The device's own memory; also visible to the host where that costs nothing.</summary>
    Device,

    /// <summary>The same for what is filled once, as a whole, and then stays: weights.</summary>
    Weights,

    /// <summary>Host memory that the device reads: written in order, once.</summary>
    Upload,

    /// <summary>Host memory that the device writes and the host reads.</summary>
    Readback,
}

internal sealed unsafe partial class GpuDevice
{
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
        return Make(() => new GpuBuffer(this, bytes, kind, size));
    }

    /// <summary>Counts memory that was taken, or given back.</summary>
    internal void Count(long bytes) => Interlocked.Add(ref _allocatedBytes, bytes);

    /// <summary>Whether buffers of a kind are made of memory of this process.</summary>
    internal bool TakesHostMemory(MemoryKind kind) => kind == MemoryKind.Weights && _takesHostMemory && !_hideDeviceMemory;

    /// <summary>Whether the host may see memory of a type that is used for a kind of buffers.</summary>
    internal bool MayMap(uint type, MemoryKind kind) =>
        !(_hideDeviceMemory && (kind is MemoryKind.Device or MemoryKind.Weights)) && _memory.MemoryTypes[(int)type].PropertyFlags.HasFlag(HostVisible);

    /// <summary>The first memory type that has the best set of properties for a use; drivers list better types first.</summary>
    internal uint FindMemoryType(uint allowed, MemoryKind kind)
    {
        ReadOnlySpan<MemoryPropertyFlags> wishes = kind switch
        {
            MemoryKind.Device or MemoryKind.Weights => [MemoryPropertyFlags.DeviceLocalBit, 0],
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
        kind is not (MemoryKind.Device or MemoryKind.Weights) || (long)_memory.MemoryHeaps[(int)_memory.MemoryTypes[type].HeapIndex].Size >= Description.MemoryBytes;
}
