using System.Diagnostics;

namespace Gemma2.Benchmarks.Sides;

/// <summary>Wall and processor time of a turn.</summary>
internal sealed class TurnClock
{
    private readonly Reading _start = Reading.Now;
    private readonly List<int> _tokens = [];
    private Reading _first;
    private Reading _last;

    /// <summary>A token is there.</summary>
    public void Token(int id)
    {
        _tokens.Add(id);
        _last = Reading.Now;
        if (_tokens.Count == 1) _first = _last;
    }

    /// <summary>The times up to the last token.</summary>
    public Turn Stop() => new(
        Stopwatch.GetElapsedTime(_start.Ticks, _first.Ticks).TotalSeconds,
        (_first.Processor - _start.Processor).TotalSeconds,
        Stopwatch.GetElapsedTime(_first.Ticks, _last.Ticks).TotalSeconds,
        (_last.Processor - _first.Processor).TotalSeconds,
        _tokens);

    private readonly record struct Reading(long Ticks, TimeSpan Processor)
    {
        public static Reading Now => new(Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
    }
}
