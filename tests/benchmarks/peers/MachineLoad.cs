using System.Diagnostics;
using System.Globalization;
using Gemma2.Benchmarks.Peers.Sides;

namespace Gemma2.Benchmarks.Peers;

/// <summary>How busy the machine is with other things.</summary>
internal static class MachineLoad
{
    private const double TicksPerSecond = 100;

    /// <summary>Runs a turn and tells which share of all processors other programs used meanwhile.</summary>
    public static async Task<(Turn Turn, double OtherWork)> DuringAsync(Func<Task<Turn>> measure)
    {
        double busy = BusySeconds();
        long start = Stopwatch.GetTimestamp();
        Turn turn = await measure();
        double available = Stopwatch.GetElapsedTime(start).TotalSeconds * Environment.ProcessorCount;
        double others = BusySeconds() - busy - turn.PromptCpuSeconds - turn.DecodeCpuSeconds;
        return (turn, Math.Clamp(others / available, 0, 1));
    }

    // /proc/stat, first line: cpu user nice system idle iowait irq softirq steal, in hundredths of a second
    private static double BusySeconds()
    {
        double[] ticks = [.. File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(n => double.Parse(n, CultureInfo.InvariantCulture))];
        return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7]) / TicksPerSecond;
    }
}
