using System.Diagnostics;

namespace Gemma2.Benchmarks.Weights;

/// <summary>What a piece of work took.</summary>
/// <param name="Seconds">By the clock.</param>
/// <param name="ProcessorSeconds">Of all processors, user and system.</param>
internal readonly record struct Measurement(double Seconds, double ProcessorSeconds)
{
    /// <summary>Processors that were busy, on average.</summary>
    public double Processors => ProcessorSeconds / Seconds;

    /// <summary>Measures this process while it works.</summary>
    public static async Task<Measurement> OfAsync(Func<Task> work)
    {
        using var process = Process.GetCurrentProcess();
        TimeSpan before = process.TotalProcessorTime;
        long begin = Stopwatch.GetTimestamp();
        await work();
        TimeSpan passed = Stopwatch.GetElapsedTime(begin);
        process.Refresh();
        return new Measurement(passed.TotalSeconds, (process.TotalProcessorTime - before).TotalSeconds);
    }

    /// <summary>The one of which half are quicker.</summary>
    public static Measurement Median(IEnumerable<Measurement> measured)
    {
        Measurement[] sorted = [.. measured.OrderBy(one => one.Seconds)];
        return sorted[sorted.Length / 2];
    }
}
