using System.Globalization;

namespace Gemma2.Backend.Kernels.Check;

/// <summary>What came of a kernel that computed something known.</summary>
/// <param name="Kernel">The kernel.</param>
/// <param name="Shape">What it computed.</param>
/// <param name="Error">How far the number is off that is off most, measured by what is allowed for it; null where there is no number.</param>
/// <param name="Allowed">What rounding explains for that number.</param>
/// <param name="Fault">What is wrong; null when nothing is.</param>
public sealed record KernelVerdict(string Kernel, string Shape, double? Error, double? Allowed, string? Fault)
{
    /// <summary>Whether the kernel is right.</summary>
    public bool IsRight => Fault is null;

    /// <summary>A line.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Kernel}, {Shape}: {Fault ?? $"error {Error:g2} of {Allowed:g2}"}");

    /// <summary>Of a kernel that computed.</summary>
    internal static KernelVerdict Of(string kernel, string shape, Comparison comparison) =>
        new(kernel, shape, double.IsFinite(comparison.Error) ? comparison.Error : null, comparison.Allowed, comparison.Fault);

    /// <summary>Of a kernel that did not.</summary>
    internal static KernelVerdict Failed(string kernel, string shape, DeviceException error) => new(kernel, shape, null, null, $"fails: {error.Message}");
}
