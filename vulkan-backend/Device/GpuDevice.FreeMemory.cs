using Silk.NET.Vulkan;

namespace Gemma2.Backend.Device;

internal sealed unsafe partial class GpuDevice
{
    private const string BudgetExtension = "VK_EXT_memory_budget";

    /// <summary>
    /// How much of the device's own memory can still be had: what the driver says, where it says something (VK_EXT_memory_budget, which counts other programs too), else all that this program has
    /// not taken.
    /// </summary>
    public long FreeBytes()
    {
        long untaken = Description.MemoryBytes - AllocatedBytes;
        if (!VulkanDevices.HasExtension(Api, _physical, BudgetExtension)) return Math.Max(0, untaken);
        var budget = new PhysicalDeviceMemoryBudgetPropertiesEXT { SType = StructureType.PhysicalDeviceMemoryBudgetPropertiesExt };
        var memory = new PhysicalDeviceMemoryProperties2 { SType = StructureType.PhysicalDeviceMemoryProperties2, PNext = &budget };
        Api.GetPhysicalDeviceMemoryProperties2(_physical, &memory);
        long free = 0;
        for (int i = 0; i < _memory.MemoryHeapCount; i++)
        {
            MemoryHeap heap = _memory.MemoryHeaps[i];
            if (heap.Flags.HasFlag(MemoryHeapFlags.DeviceLocalBit) && (long)heap.Size >= Description.MemoryBytes)
                free = Math.Max(free, (long)budget.HeapBudget[i] - (long)budget.HeapUsage[i]);
        }
        return Math.Clamp(free, 0, Math.Max(0, untaken));
    }
}
