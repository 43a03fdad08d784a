namespace Gemma2.Backend.Device;

/// <summary>What kind of hardware a device is.</summary>
public enum DeviceKind
{
    /// <summary>A GPU with memory of its own.</summary>
    Discrete,

    /// <summary>A GPU that shares the host's memory.</summary>
    Integrated,

    /// <summary>A GPU handed into a virtual machine.</summary>
    Virtual,

    /// <summary>A driver that computes on the CPU, such as lavapipe.</summary>
    Software,

    /// <summary>The driver does not say.</summary>
    Other,
}

/// <summary>One Vulkan device as its driver describes it.</summary>
public sealed record DeviceDescription
{
    /// <summary>Position in the list; <c>--device</c> takes it.</summary>
    public required int Index { get; init; }

    /// <summary>The device's name.</summary>
    public required string Name { get; init; }

    /// <summary>What kind of hardware it is.</summary>
    public required DeviceKind Kind { get; init; }

    /// <summary>The driver's name and version.</summary>
    public required string Driver { get; init; }

    /// <summary>Vulkan version the device speaks.</summary>
    public required string ApiVersion { get; init; }

    /// <summary>Size of the largest device-local heap in bytes.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Largest single allocation in bytes.</summary>
    public required long MaxAllocationBytes { get; init; }

    /// <summary>Threads that run in lockstep.</summary>
    public required int SubgroupSize { get; init; }

    /// <summary>What some kernels make use of.</summary>
    public required DeviceCapabilities Capabilities { get; init; }

    /// <summary>The device multiplies matrices with VK_KHR_cooperative_matrix.</summary>
    public bool CooperativeMatrix => Capabilities.CooperativeMatrixShapes.Count > 0;

    /// <summary>Known faults of its driver.</summary>
    public required IReadOnlyList<DriverQuirk> Quirks { get; init; }

    /// <summary>What the engine needs and the device lacks; empty when it can be used.</summary>
    public required IReadOnlyList<string> Missing { get; init; }

    /// <summary>The driver keeps no pipelines, but gives the binaries of shader objects, which are used in place of them.</summary>
    internal bool NeedsShaderObjects { get; init; }

    /// <summary>The driver keeps its machine code in Mesa's cache folder alone.</summary>
    internal bool NeedsMesaCache { get; init; }

    /// <summary>What decides whether compiled pipelines can be used: the device's and the driver's ids, and the driver's own id for its caches.</summary>
    internal string PipelineIdentity { get; init; } = "";

    /// <summary>True when the engine can run on it.</summary>
    public bool IsUsable => Missing.Count == 0;
}
