using Silk.NET.Vulkan;

namespace Gemma2.Backend.Device;

// Reads what a device can do beyond what is needed, and enables it where a kernel uses it.
internal static unsafe partial class DeviceFeatures
{
    private const string CooperativeMatrixExtension = "VK_KHR_cooperative_matrix";

    /// <summary>What some kernels make use of. The device speaks Vulkan 1.3.</summary>
    /// <param name="api">Vulkan.</param>
    /// <param name="instance">The instance, for the functions of extensions.</param>
    /// <param name="device">The device.</param>
    /// <param name="driver">Its driver: some report what they do not have.</param>
    public static DeviceCapabilities Capabilities(Vk api, Instance instance, PhysicalDevice device, DriverId driver)
    {
        var vulkan13 = new PhysicalDeviceVulkan13Properties { SType = StructureType.PhysicalDeviceVulkan13Properties };
        var properties = new PhysicalDeviceProperties2 { SType = StructureType.PhysicalDeviceProperties2, PNext = &vulkan13 };
        api.GetPhysicalDeviceProperties2(device, &properties);

        bool hasCooperativeMatrix = VulkanDevices.HasExtension(api, device, CooperativeMatrixExtension) && !DriverQuirks.HidesCooperativeMatrix(driver);
        var cooperative = new PhysicalDeviceCooperativeMatrixFeaturesKHR { SType = StructureType.PhysicalDeviceCooperativeMatrixFeaturesKhr };
        var features13 = new PhysicalDeviceVulkan13Features
        {
            SType = StructureType.PhysicalDeviceVulkan13Features,
            PNext = hasCooperativeMatrix ? &cooperative : null,
        };
        var features12 = new PhysicalDeviceVulkan12Features { SType = StructureType.PhysicalDeviceVulkan12Features, PNext = &features13 };
        var features11 = new PhysicalDeviceVulkan11Features { SType = StructureType.PhysicalDeviceVulkan11Features, PNext = &features12 };
        var features = new PhysicalDeviceFeatures2 { SType = StructureType.PhysicalDeviceFeatures2, PNext = &features11 };
        api.GetPhysicalDeviceFeatures2(device, &features);

        PhysicalDeviceLimits limits = properties.Properties.Limits;
        bool canMultiply = cooperative.CooperativeMatrix && features12.VulkanMemoryModel && features12.ShaderFloat16;
        return new DeviceCapabilities
        {
            SharedMemoryBytes = (int)limits.MaxComputeSharedMemorySize,
            WorkgroupThreads = (int)limits.MaxComputeWorkGroupInvocations,
            SmallestSubgroup = (int)vulkan13.MinSubgroupSize,
            LargestSubgroup = (int)vulkan13.MaxSubgroupSize,
            CooperativeMatrixShapes = canMultiply ? Shapes(api, instance, device) : [],
            IntegerDotProduct = features13.ShaderIntegerDotProduct,
            IntegerDotProductAccelerated = vulkan13.IntegerDotProduct4x8BitPackedSignedAccelerated,
            Float16 = features12.ShaderFloat16,
            ShortIntegers = features.Features.ShaderInt16,
            Storage16Bit = features11.StorageBuffer16BitAccess,
            Storage8Bit = features12.StorageBuffer8BitAccess,
            TimestampNanoseconds = limits.TimestampComputeAndGraphics ? limits.TimestampPeriod : null,
        };
    }

    private static List<CooperativeMatrixShape> Shapes(Vk api, Instance instance, PhysicalDevice device)
    {
        var list = (delegate* unmanaged<PhysicalDevice, uint*, CooperativeMatrixPropertiesKHR*, Result>)
            (void*)api.GetInstanceProcAddr(instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
        if (list is null) return [];
        uint count = 0;
        list(device, &count, null).Check("list the cooperative matrices");
        var offered = new CooperativeMatrixPropertiesKHR[count];
        offered.AsSpan().Fill(new CooperativeMatrixPropertiesKHR { SType = StructureType.CooperativeMatrixPropertiesKhr });
        fixed (CooperativeMatrixPropertiesKHR* first = offered) list(device, &count, first).Check("list the cooperative matrices");

        var shapes = new List<CooperativeMatrixShape>();
        foreach (CooperativeMatrixPropertiesKHR one in offered.AsSpan(0, (int)count))
        {
            var shape = new CooperativeMatrixShape((int)one.MSize, (int)one.NSize, (int)one.KSize);
            bool fits = one is
            {
                AType: ComponentTypeKHR.Float16Khr,
                BType: ComponentTypeKHR.Float16Khr,
                CType: ComponentTypeKHR.Float32Khr,
                ResultType: ComponentTypeKHR.Float32Khr,
                Scope: ScopeKHR.SubgroupKhr,
            };
            if (fits && !shapes.Contains(shape)) shapes.Add(shape);
        }
        return shapes;
    }
}
