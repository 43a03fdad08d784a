using System.Diagnostics;

namespace Gemma2.Benchmarks.Storage;

/// <summary>One measured piece of the work.</summary>
/// <param name="Name">What was done.</param>
/// <param name="Seconds">How long it took.</param>
internal sealed record Phase(string Name, double Seconds)
{
    /// <summary>Measures a piece of work.</summary>
    public static async Task<Phase> MeasureAsync(string name, Func<Task> work)
    {
        long start = Stopwatch.GetTimestamp();
        await work();
        return new Phase(name, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }
}
