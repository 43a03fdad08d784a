using System.Runtime.InteropServices;

namespace Gemma2.Benchmarks.Sides;

/// <summary>What reports say about this machine.</summary>
internal static class Machine
{
    /// <summary>The processor's name.</summary>
    public static string Processor { get; } =
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "unknown";

    /// <summary>Operating system and runtime.</summary>
    public static string System { get; } = $"{RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}";
}
