using System.Diagnostics;

namespace Gemma2.Backend.Startup;

/// <summary>When the stages of a start began and ended, counted from the start of the process or of the load. Stages may overlap; any thread may report.</summary>
public sealed class StartupTimeline
{
    private readonly List<StartupSpan> _spans = [];
    private readonly long _zero;

    private StartupTimeline(DateTimeOffset start)
    {
        Start = start;
        _zero = Stopwatch.GetTimestamp() - (long)((DateTimeOffset.UtcNow - start).TotalSeconds * Stopwatch.Frequency);
    }

    /// <summary>The moment from which all times count.</summary>
    public DateTimeOffset Start { get; }

    /// <summary>The stages so far, in the order in which they began.</summary>
    public IReadOnlyList<StartupStage> Stages
    {
        get
        {
            lock (_spans) return [.. _spans.Select(span => span.Stage)];
        }
    }

    /// <summary>A timeline that begins with this process.</summary>
    public static StartupTimeline OfProcess()
    {
        using var process = Process.GetCurrentProcess();
        return new StartupTimeline(process.StartTime.ToUniversalTime());
    }

    /// <summary>A timeline that begins now.</summary>
    public static StartupTimeline FromNow() => new(DateTimeOffset.UtcNow);

    /// <summary>A stage begins.</summary>
    /// <param name="stage">One of <see cref="StartupStages"/>.</param>
    /// <param name="of">What it is the stage of: a file's name.</param>
    /// <returns>Dispose it when the stage ends.</returns>
    public StartupSpan Begin(string stage, string? of = null)
    {
        var span = new StartupSpan(this, stage, of, Now);
        lock (_spans) _spans.Add(span);
        return span;
    }

    /// <summary>Time since <see cref="Start"/>.</summary>
    internal TimeSpan Now => Stopwatch.GetElapsedTime(_zero);
}
