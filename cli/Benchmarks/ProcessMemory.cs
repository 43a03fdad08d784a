using System.Diagnostics;
using System.Globalization;

namespace Gemma2.Cli.Benchmarks;

/// <summary>This process's memory.</summary>
internal static class ProcessMemory
{
    private const string PeakKey = "VmHWM:";

    /// <summary>Starts over, where the system allows it (Linux).</summary>
    public static void ForgetPeak()
    {
        try
        {
            // proc(5): 5 resets the peak resident set size.
            if (OperatingSystem.IsLinux()) File.WriteAllText("/proc/self/clear_refs", "5");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Then the peak is that of the whole process, which is never too low.
        }
    }

    /// <summary>Most bytes that were resident at once; on a CPU device that includes the device's memory.</summary>
    public static long PeakBytes()
    {
        // .NET's own counter is of the moment on Linux.
        if (!OperatingSystem.IsLinux()) return Process.GetCurrentProcess().PeakWorkingSet64;
        string line = File.ReadLines("/proc/self/status").First(text => text.StartsWith(PeakKey, StringComparison.Ordinal));
        return long.Parse(line.AsSpan(PeakKey.Length).Trim().TrimEnd("kB").Trim(), CultureInfo.InvariantCulture) * 1024;
    }
}
