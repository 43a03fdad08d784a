using System.Runtime.InteropServices;

namespace Gemma2.Backend.Device;

/// <summary>The environment variables that libraries see. .NET keeps an environment of its own: what is set there does not reach them.</summary>
internal static partial class NativeEnvironment
{
    /// <summary>Sets a variable that a user has not set, or has left empty.</summary>
    /// <returns>Whether it was set.</returns>
    public static bool TrySetDefault(string name, string value) =>
        OperatingSystem.IsLinux() && string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name)) && SetEnvironment(name, value, overwrite: 1) == 0;

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
