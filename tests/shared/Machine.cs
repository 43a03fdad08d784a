using Gemma2.Backend;
using Gemma2.Backend.Device;
using Xunit;

namespace Gemma2.Testing;

/// <summary>What this machine has of what tests need.</summary>
internal static class Machine
{
    /// <summary>Why no Vulkan device can be used; null where one can, a software device too.</summary>
    public static string? LacksDevice { get; } = WhyNot();

    /// <summary>Skips the calling test where there is no device.</summary>
    public static void NeedsDevice() => Assert.SkipWhen(LacksDevice is not null, LacksDevice ?? "");

    private static string? WhyNot()
    {
        try
        {
            VulkanDevices.Choose(VulkanDevices.List(), wanted: null, allowSoftware: true);
            return null;
        }
        catch (DeviceException error)
        {
            return error.Message;
        }
    }
}
