using Silk.NET.Vulkan;

namespace Gemma2.Backend.Device;

/// <summary>A driver's fault that turns a family of kernels off.</summary>
/// <param name="Family">The family that is not chosen; it may still be forced.</param>
/// <param name="Reason">What goes wrong.</param>
/// <param name="Link">Where that was found; null for what this engine found itself.</param>
public sealed record DriverQuirk(KernelFamily Family, string Reason, Uri? Link = null)
{
    internal string Text => Link is null ? Reason : $"{Reason} ({Link})";
}

/// <summary>Every known fault of a driver that concerns this engine's kernels. Nothing else asks who made a driver.</summary>
internal static class DriverQuirks
{
    private static readonly (DriverId[] Drivers, DriverQuirk Quirk)[] _table =
    [
        ([DriverId.AmdProprietary, DriverId.AmdOpenSource],
            new DriverQuirk(
                KernelFamily.Coopmat,
                "this driver reports cooperative matrices on hardware without them, and crashes when it is asked for their shapes",
                new Uri("https://github.com/GPUOpen-Drivers/AMDVLK/issues/422"))),
        ([DriverId.IntelOpenSourceMesa],
            new DriverQuirk(
                KernelFamily.Coopmat,
                "on Xe3 all tiles that are read from shared memory are the first one, and before Xe2 the operation is emulated slowly",
                new Uri("https://github.com/tracel-ai/cubecl/pull/1444"))),
        ([DriverId.IntelProprietaryWindows],
            new DriverQuirk(
                KernelFamily.Coopmat,
                "before Xe2 it is many times slower than without",
                new Uri("https://github.com/ggml-org/llama.cpp/pull/24404"))),
    ];

    /// <summary>The faults of a driver; empty for most.</summary>
    public static IReadOnlyList<DriverQuirk> Of(DriverId driver) =>
        [.. _table.Where(entry => entry.Drivers.Contains(driver)).Select(entry => entry.Quirk)];

    /// <summary>Whether the driver's pipeline cache is but a header, so that each process would compile all shaders anew.</summary>
    public static bool KeepsNoPipelines(DriverId driver) => driver == DriverId.MesaLlvmpipe;

    /// <summary>Whether even asking this driver for the shapes of cooperative matrices may crash.</summary>
    public static bool HidesCooperativeMatrix(DriverId driver) => driver is DriverId.AmdProprietary or DriverId.AmdOpenSource;
}
