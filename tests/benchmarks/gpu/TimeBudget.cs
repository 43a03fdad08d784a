using System.Diagnostics;

namespace Gemma2.Benchmarks.Gpu;

/// <summary>The time that all parts share.</summary>
/// <param name="whole">All of it.</param>
internal sealed class TimeBudget(TimeSpan whole)
{
    private readonly long _start = Stopwatch.GetTimestamp();

    /// <summary>What is left.</summary>
    public TimeSpan Left => whole - Stopwatch.GetElapsedTime(_start) is var left && left > TimeSpan.Zero ? left : TimeSpan.Zero;

    /// <summary>So much, or what is left when that is less.</summary>
    public TimeSpan AtMost(double seconds) => TimeSpan.FromSeconds(Math.Min(seconds, Left.TotalSeconds));
}
