using Gemma2.Backend.Device;

namespace Gemma2.Backend.Tests.Device;

/// <summary>Devices that this machine need not have.</summary>
internal static class Descriptions
{
    public static DeviceCapabilities NoCapabilities { get; } = new()
    {
        SharedMemoryBytes = 32 << 10,
        WorkgroupThreads = 1024,
        SmallestSubgroup = 32,
        LargestSubgroup = 32,
        CooperativeMatrixShapes = [],
        IntegerDotProduct = false,
        IntegerDotProductAccelerated = false,
        Float16 = false,
        ShortIntegers = false,
        Storage16Bit = true,
        Storage8Bit = false,
        TimestampNanoseconds = null,
    };

    public static DeviceDescription Describe(int index, string name, DeviceKind kind) => new()
    {
        Index = index,
        Name = name,
        Kind = kind,
        Driver = "test",
        ApiVersion = "1.3.0",
        MemoryBytes = 1 << 30,
        MaxAllocationBytes = 1 << 30,
        SubgroupSize = 32,
        Capabilities = NoCapabilities,
        Quirks = [],
        Missing = [],
    };
}
