using Silk.NET.Vulkan;

namespace Gemma2.Backend.Device;

/// <summary>Turns Vulkan's result codes into <see cref="DeviceException"/>.</summary>
internal static class VulkanResult
{
    /// <param name="result">What the call returned.</param>
    /// <param name="action">What was tried, to complete "Could not ...".</param>
    public static void Check(this Result result, string action)
    {
        if (result < Result.Success)
            throw new DeviceException($"Could not {action}: {Describe(result)}.") { MayPass = MayPass(result) };
    }

    private static bool MayPass(Result result) =>
        result is Result.ErrorOutOfDeviceMemory or Result.ErrorOutOfHostMemory or Result.ErrorDeviceLost or Result.ErrorInitializationFailed;

    private static string Describe(Result result) => result switch
    {
        Result.ErrorOutOfDeviceMemory => "out of device memory",
        Result.ErrorOutOfHostMemory => "out of host memory",
        Result.ErrorDeviceLost => "the Vulkan device was lost",
        Result.ErrorInitializationFailed => "the driver failed to initialize",
        _ => $"Vulkan returned {result}",
    };
}
