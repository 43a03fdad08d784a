using System.Runtime.InteropServices;
using Silk.NET.Vulkan;

namespace Gemma2.Backend.Device;

/// <summary>Which device would be used, and why.</summary>
/// <param name="Device">The device.</param>
/// <param name="Reason">Why this one.</param>
public sealed record DeviceChoice(DeviceDescription Device, string Reason);

/// <summary>Lists Vulkan devices and picks one.</summary>
public static class VulkanDevices
{
    /// <summary>Every Vulkan device of this machine, in the loader's order.</summary>
    /// <exception cref="DeviceException">There is no Vulkan loader or driver.</exception>
    public static IReadOnlyList<DeviceDescription> List()
    {
        using var instance = new VulkanInstance();
        return List(instance);
    }

    internal static IReadOnlyList<DeviceDescription> List(VulkanInstance instance) =>
        [.. instance.PhysicalDevices().Select((device, index) => Describe(instance, device, index))];

    /// <summary>Picks the device to use: the wanted one, else the first discrete, integrated, virtual, other, software one that is usable.</summary>
    /// <param name="devices">What <see cref="List()"/> gave.</param>
    /// <param name="wanted">Part of a name (case ignored), or an index; null for the best.</param>
    /// <param name="allowSoftware">Whether a CPU device may be used.</param>
    /// <exception cref="DeviceException">No device fits; the message says which were seen and why each was not taken.</exception>
    public static DeviceChoice Choose(IReadOnlyList<DeviceDescription> devices, string? wanted, bool allowSoftware)
    {
        if (devices.Count == 0)
            throw new DeviceException("No Vulkan device was found: no driver is installed, or it found no hardware.");
        var named = devices.Where(d => wanted is null || Matches(d, wanted)).ToList();
        if (named.Count == 0)
            throw new DeviceException($"No Vulkan device matches '{wanted}'; there are: {Names(devices)}.");
        var fit = named.Where(d => d.IsUsable && (allowSoftware || d.Kind != DeviceKind.Software)).MinBy(Rank);
        if (fit is null)
            throw new DeviceException($"No Vulkan device can be used: {string.Join("; ", named.Select(WhyNot))}.");
        return new DeviceChoice(fit, wanted is null ? $"best of {devices.Count} ({fit.Kind})" : $"matches '{wanted}'");
    }

    private static int Rank(DeviceDescription device) => device.Kind switch
    {
        DeviceKind.Discrete => 0,
        DeviceKind.Integrated => 1,
        DeviceKind.Virtual => 2,
        DeviceKind.Other => 3,
        _ => 4,
    };

    private static bool Matches(DeviceDescription device, string wanted) =>
        int.TryParse(wanted, out int index) ? device.Index == index : device.Name.Contains(wanted, StringComparison.OrdinalIgnoreCase);

    private static string Names(IEnumerable<DeviceDescription> devices) => string.Join(", ", devices.Select(d => $"{d.Index} {d.Name}"));

    private static string WhyNot(DeviceDescription device) => device.IsUsable
        ? $"{device.Name} is a software device, which has to be allowed (Gemma2__AllowSoftwareDevice=true)"
        : $"{device.Name} lacks {string.Join(", ", device.Missing)}";

    private static unsafe DeviceDescription Describe(VulkanInstance instance, PhysicalDevice device, int index)
    {
        Vk api = instance.Api;
        var maintenance = new PhysicalDeviceMaintenance3Properties { SType = StructureType.PhysicalDeviceMaintenance3Properties };
        var driver = new PhysicalDeviceDriverProperties { SType = StructureType.PhysicalDeviceDriverProperties, PNext = &maintenance };
        var subgroup = new PhysicalDeviceSubgroupProperties { SType = StructureType.PhysicalDeviceSubgroupProperties, PNext = &driver };
        var properties = new PhysicalDeviceProperties2 { SType = StructureType.PhysicalDeviceProperties2, PNext = &subgroup };
        api.GetPhysicalDeviceProperties2(device, &properties);
        api.GetPhysicalDeviceMemoryProperties(device, out PhysicalDeviceMemoryProperties memory);
        PhysicalDeviceProperties core = properties.Properties;
        return new DeviceDescription
        {
            Index = index,
            Name = Text(core.DeviceName),
            Kind = KindOf(core.DeviceType),
            Driver = $"{Text(driver.DriverName)} {Text(driver.DriverInfo)}".Trim(),
            ApiVersion = VulkanInstance.Describe(core.ApiVersion),
            MemoryBytes = (long)LargestDeviceLocalHeap(memory),
            MaxAllocationBytes = (long)maintenance.MaxMemoryAllocationSize,
            SubgroupSize = (int)subgroup.SubgroupSize,
            Capabilities = DeviceFeatures.Capabilities(api, instance.Handle, device, driver.DriverID),
            Quirks = DriverQuirks.Of(driver.DriverID),
            Missing = DeviceFeatures.Missing(api, device, core.ApiVersion, subgroup),
            NeedsMesaCache = DriverQuirks.KeepsNoPipelines(driver.DriverID),
            NeedsShaderObjects = DriverQuirks.KeepsNoPipelines(driver.DriverID) && HasExtension(api, device, ShaderObjects.Extension),
            PipelineIdentity = $"{core.VendorID:x} {core.DeviceID:x} {core.DriverVersion:x} {Convert.ToHexStringLower(new ReadOnlySpan<byte>(core.PipelineCacheUuid, (int)Vk.UuidSize))}",
        };
    }

    private static DeviceKind KindOf(PhysicalDeviceType type) => type switch
    {
        PhysicalDeviceType.DiscreteGpu => DeviceKind.Discrete,
        PhysicalDeviceType.IntegratedGpu => DeviceKind.Integrated,
        PhysicalDeviceType.VirtualGpu => DeviceKind.Virtual,
        PhysicalDeviceType.Cpu => DeviceKind.Software,
        _ => DeviceKind.Other,
    };

    private static ulong LargestDeviceLocalHeap(PhysicalDeviceMemoryProperties memory)
    {
        ulong largest = 0;
        for (int i = 0; i < memory.MemoryHeapCount; i++)
        {
            MemoryHeap heap = memory.MemoryHeaps[i];
            if (heap.Flags.HasFlag(MemoryHeapFlags.DeviceLocalBit)) largest = Math.Max(largest, heap.Size);
        }
        return largest;
    }

    internal static unsafe bool HasExtension(Vk api, PhysicalDevice device, string name)
    {
        uint count = 0;
        if (api.EnumerateDeviceExtensionProperties(device, (byte*)null, ref count, null) != Result.Success) return false;
        var extensions = new ExtensionProperties[count];
        fixed (ExtensionProperties* first = extensions)
        {
            if (api.EnumerateDeviceExtensionProperties(device, (byte*)null, ref count, first) != Result.Success) return false;
            for (int i = 0; i < count; i++)
                if (Text(first[i].ExtensionName) == name) return true;
        }
        return false;
    }

    private static unsafe string Text(byte* utf8) => Marshal.PtrToStringUTF8((nint)utf8) ?? "";
}
