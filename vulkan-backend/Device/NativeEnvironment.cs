using System.Runtime.InteropServices;

namespace Gemma2.Backend.Device;

/// <summary>The environment variables that libraries see. .NET keeps an environment of its own: what is set there does not reach them.</summary>
internal static partial class NativeEnvironment
{
    /// <summary>Sets a variable that a user has not set.</summary>
    /// <returns>Whether it is set.</returns>
    public static bool TrySetDefault(string name, string value) => OperatingSystem.IsLinux() && SetEnvironment(name, value, overwrite: 0) == 0;

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
