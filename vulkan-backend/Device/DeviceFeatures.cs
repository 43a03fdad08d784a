using Silk.NET.Vulkan;

namespace Gemma2.Backend.Device;

/// <summary>What the engine's shaders need from a device: asked for here once, for the check and for the creation alike.</summary>
internal static unsafe partial class DeviceFeatures
{
    private const SubgroupFeatureFlags NeededSubgroupOperations =
        SubgroupFeatureFlags.BasicBit | SubgroupFeatureFlags.ArithmeticBit | SubgroupFeatureFlags.BallotBit | SubgroupFeatureFlags.ShuffleBit;

    private const uint NeededPushConstantBytes = 128;

    // Kernels hand round eight elements at a time, and elementwise ones have workgroups of 64 threads.
    private const uint SmallestSubgroup = 8;
    private const uint LargestSubgroup = 64;

    /// <summary>What the device lacks, in words; empty when it can be used.</summary>
    public static IReadOnlyList<string> Missing(Vk api, PhysicalDevice device, uint apiVersion, PhysicalDeviceSubgroupProperties subgroup)
    {
        if (apiVersion < Vk.Version13) return [$"Vulkan 1.3 (it has {VulkanInstance.Describe(apiVersion)})"];
        var vulkan13 = new PhysicalDeviceVulkan13Features { SType = StructureType.PhysicalDeviceVulkan13Features };
        var vulkan12 = new PhysicalDeviceVulkan12Features { SType = StructureType.PhysicalDeviceVulkan12Features, PNext = &vulkan13 };
        var vulkan11 = new PhysicalDeviceVulkan11Features { SType = StructureType.PhysicalDeviceVulkan11Features, PNext = &vulkan12 };
        var features = new PhysicalDeviceFeatures2 { SType = StructureType.PhysicalDeviceFeatures2, PNext = &vulkan11 };
        api.GetPhysicalDeviceFeatures2(device, &features);
        api.GetPhysicalDeviceProperties(device, out PhysicalDeviceProperties properties);

        var missing = new List<string>();
        void Need(bool present, string name)
        {
            if (!present) missing.Add(name);
        }

        Need(vulkan12.BufferDeviceAddress, "bufferDeviceAddress");
        Need(vulkan13.SubgroupSizeControl, "subgroupSizeControl");
        Need(vulkan13.ComputeFullSubgroups, "computeFullSubgroups");
        Need(vulkan13.Maintenance4, "maintenance4");
        Need(features.Features.ShaderInt64, "shaderInt64");
        Need(vulkan11.StorageBuffer16BitAccess, "storageBuffer16BitAccess");
        Need((subgroup.SupportedOperations & NeededSubgroupOperations) == NeededSubgroupOperations, "subgroup arithmetic, ballot and shuffle");
        Need(subgroup.SubgroupSize is >= SmallestSubgroup and <= LargestSubgroup, $"subgroups of {SmallestSubgroup} to {LargestSubgroup} threads");
        Need(subgroup.SupportedStages.HasFlag(ShaderStageFlags.ComputeBit), "subgroups in compute shaders");
        Need(properties.Limits.MaxPushConstantsSize >= NeededPushConstantBytes, $"{NeededPushConstantBytes} bytes of push constants");
        return missing;
    }

    /// <summary>Creates the logical device with the features that are needed, those of the capabilities that kernels use, and shader objects where they are wanted.</summary>
    public static Silk.NET.Vulkan.Device Create(Vk api, PhysicalDevice physical, uint queueFamily, DeviceCapabilities capabilities, bool shaderObjects, bool hostMemory)
    {
        bool cooperativeMatrix = capabilities.CooperativeMatrixShapes.Count > 0;
        float priority = 1;
        var queue = new DeviceQueueCreateInfo
        {
            SType = StructureType.DeviceQueueCreateInfo,
            QueueFamilyIndex = queueFamily,
            QueueCount = 1,
            PQueuePriorities = &priority,
        };
        var objects = new PhysicalDeviceShaderObjectFeaturesEXT { SType = StructureType.PhysicalDeviceShaderObjectFeaturesExt, ShaderObject = true };
        void* optional = shaderObjects ? &objects : null;
        var cooperative = new PhysicalDeviceCooperativeMatrixFeaturesKHR
        {
            SType = StructureType.PhysicalDeviceCooperativeMatrixFeaturesKhr,
            PNext = optional,
            CooperativeMatrix = true,
        };
        var vulkan13 = new PhysicalDeviceVulkan13Features
        {
            SType = StructureType.PhysicalDeviceVulkan13Features,
            PNext = cooperativeMatrix ? &cooperative : optional,
            SubgroupSizeControl = true,
            ComputeFullSubgroups = true,
            Maintenance4 = true,
            ShaderIntegerDotProduct = capabilities.IntegerDotProduct,
        };
        var vulkan12 = new PhysicalDeviceVulkan12Features
        {
            SType = StructureType.PhysicalDeviceVulkan12Features,
            PNext = &vulkan13,
            BufferDeviceAddress = true,
            ShaderFloat16 = cooperativeMatrix,
            VulkanMemoryModel = cooperativeMatrix,
        };
        var vulkan11 = new PhysicalDeviceVulkan11Features
        {
            SType = StructureType.PhysicalDeviceVulkan11Features,
            PNext = &vulkan12,
            StorageBuffer16BitAccess = true,
        };
        var features = new PhysicalDeviceFeatures2
        {
            SType = StructureType.PhysicalDeviceFeatures2,
            PNext = &vulkan11,
            Features = new PhysicalDeviceFeatures { ShaderInt64 = true, ShaderInt16 = capabilities.ShortIntegers },
        };
        var names = new List<string>();
        if (cooperativeMatrix) names.Add(CooperativeMatrixExtension);
        if (shaderObjects) names.Add(ShaderObjects.Extension);
        if (hostMemory) names.Add(HostMemory.Extension);
        using var extensions = new Utf8Array([.. names]);
        var info = new DeviceCreateInfo
        {
            SType = StructureType.DeviceCreateInfo,
            PNext = &features,
            QueueCreateInfoCount = 1,
            PQueueCreateInfos = &queue,
            EnabledExtensionCount = extensions.Count,
            PpEnabledExtensionNames = extensions.Pointer,
        };
        api.CreateDevice(physical, in info, null, out Silk.NET.Vulkan.Device device).Check("open the Vulkan device");
        return device;
    }
}
