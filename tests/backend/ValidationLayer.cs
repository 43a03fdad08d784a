using Gemma2.Backend.Device;
using Gemma2.Testing;

namespace Gemma2.Backend.Tests;

/// <summary>The Khronos validation layer, which a machine may be without.</summary>
internal static class ValidationLayer
{
    /// <summary>Why it cannot listen; null where it can.</summary>
    public static string? Lacks { get; } = Machine.LacksDevice ?? WhyNot();

    /// <summary>Skips the calling test where it cannot listen.</summary>
    public static void Needed() => Assert.SkipWhen(Lacks is not null, Lacks ?? "");

    private static string? WhyNot()
    {
        try
        {
            new VulkanInstance(validation: true).Dispose();
            return null;
        }
        catch (DeviceException error)
        {
            return error.Message;
        }
    }
}
