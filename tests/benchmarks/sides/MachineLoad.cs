using System.Diagnostics;
using System.Globalization;

namespace Gemma2.Benchmarks.Sides;

/// <summary>How busy the machine is with other things.</summary>
internal static class MachineLoad
{
    private const double TicksPerSecond = 100;

    /// <summary>Runs a turn and tells which share of all processors other programs used meanwhile.</summary>
    public static Task<(Turn Turn, double OtherWork)> DuringAsync(Func<Task<Turn>> measure) => DuringAsync(measure, turn => turn.PromptCpuSeconds + turn.DecodeCpuSeconds);

    /// <summary>Runs something and tells which share of all processors other programs used meanwhile.</summary>
    /// <param name="measure">What is run.</param>
    /// <param name="cpuSeconds">The processor time that it took itself.</param>
    public static async Task<(T Result, double OtherWork)> DuringAsync<T>(Func<Task<T>> measure, Func<T, double> cpuSeconds)
    {
        double busy = BusySeconds();
        long start = Stopwatch.GetTimestamp();
        T result = await measure();
        double available = Stopwatch.GetElapsedTime(start).TotalSeconds * Environment.ProcessorCount;
        double others = BusySeconds() - busy - cpuSeconds(result);
        return (result, Math.Clamp(others / available, 0, 1));
    }

    // /proc/stat, first line: cpu user nice system idle iowait irq softirq steal, in hundredths of a second
    private static double BusySeconds()
    {
        double[] ticks = [.. File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(n => double.Parse(n, CultureInfo.InvariantCulture))];
        return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7]) / TicksPerSecond;
    }
}
