using System.Runtime.InteropServices;

namespace Gemma2.Cli.Terminal;

/// <summary>The numbered files that a process is handed by its shell.</summary>
internal static partial class Descriptor
{
    private const int GetDescriptorFlags = 1;

    /// <summary>
    /// False where nobody handed over a file of this number: a file of the runtime's own has got the number by now, and to read it may take for ever.
    /// The runtime's files are closed on exec; what came through one is not.
    /// </summary>
    public static bool IsInherited(int number) => OperatingSystem.IsWindows() || FileControl(number, GetDescriptorFlags) == 0;

    // POSIX, fcntl: F_GETFD is 1, and FD_CLOEXEC is the only flag that it gives.
    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int FileControl(int descriptor, int command);
}
