using System.Diagnostics;

namespace Gemma2.Backend.Startup;

/// <summary>When the stages of a start began and ended, counted from the start of the process or of the load. Stages may overlap; any thread may report.</summary>
public sealed class StartupTimeline
{
    private readonly List<StartupSpan> _spans = [];
    private readonly TaskCompletionSource _firstToken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long _origin;
    private readonly Lazy<(DateTimeOffset Moment, TimeSpan BeforeOrigin)> _start;
    private string? _model;
    private TimeSpan? _ready;

    private StartupTimeline(long origin, Func<DateTimeOffset> findStart) => (_origin, _start) = (origin, new(() =>
    {
        (DateTimeOffset start, DateTimeOffset originMoment) = (findStart(), DateTimeOffset.UtcNow - Stopwatch.GetElapsedTime(origin));
        return start < originMoment ? (start, originMoment - start) : (originMoment, TimeSpan.Zero);
    }));

    /// <summary>The moment from which all times count.</summary>
    public DateTimeOffset Start => _start.Value.Moment;

    /// <summary>The stages so far, in the order in which they began.</summary>
    public IReadOnlyList<StartupStage> Stages
    {
        get
        {
            lock (_spans) return [.. _spans.Select(span => span.Stage)];
        }
    }

    /// <summary>Completes when somebody got the first token.</summary>
    public Task FirstToken => _firstToken.Task;

    /// <summary>A timeline that begins with this process. When that was is found out by whoever reads first: a start does not wait for it.</summary>
    /// <param name="firstLine"><see cref="Stopwatch.GetTimestamp"/> at the program's first line: until then it was the runtime that started.</param>
    public static StartupTimeline OfProcess(long firstLine)
    {
        var timeline = new StartupTimeline(firstLine, StartOfProcess);
        timeline._spans.Add(new StartupSpan(timeline, StartupStages.Runtime, of: null, begin: null, end: TimeSpan.Zero));
        return timeline;
    }

    /// <summary>A timeline that begins now.</summary>
    public static StartupTimeline FromNow() => new(Stopwatch.GetTimestamp(), () => DateTimeOffset.MaxValue);

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

    /// <summary>The model answers from now on; only the first call says so.</summary>
    /// <param name="model">Its name.</param>
    public void BeReady(string model)
    {
        lock (_spans) (_model, _ready) = (_model ?? model, _ready ?? Now);
    }

    /// <summary>The first token that somebody asked for is there; only the first call says so. What comes before the model is ready is part of the warm-up.</summary>
    /// <param name="asked"><see cref="Stopwatch.GetTimestamp"/> when it was asked for.</param>
    public void GiveFirstToken(long asked)
    {
        if (_firstToken.Task.IsCompleted) return;
        lock (_spans)
        {
            if (_ready is null || _firstToken.Task.IsCompleted) return;
            _spans.Add(new StartupSpan(this, StartupStages.FirstToken, of: null, Stopwatch.GetElapsedTime(_origin, asked), Now));
            _firstToken.SetResult();
        }
    }

    /// <summary>What is known by now, with the digits that are written: what follows from them is the same for whoever reads it.</summary>
    public StartupReport Report()
    {
        lock (_spans)
        {
            IReadOnlyList<StartupStage> stages = [.. Stages.Select(stage => stage with { Begin = Rounded(stage.Begin), End = Rounded(stage.End) })];
            return new StartupReport(Start, Environment.MachineName, _model, _ready is { } ready ? Rounded(FromStart(ready)) : null, stages);
        }
    }

    /// <summary>Time since the program's first line, or since the load began.</summary>
    internal TimeSpan Now => Stopwatch.GetElapsedTime(_origin);

    /// <summary>Such a time, counted from the start.</summary>
    internal TimeSpan FromStart(TimeSpan time) => _start.Value.BeforeOrigin + time;

    private static TimeSpan? Rounded(TimeSpan? time) => time is { } known ? Rounded(known) : null;

    // To tenths of a millisecond.
    private static TimeSpan Rounded(TimeSpan time) => TimeSpan.FromTicks(time.Ticks / 1000 * 1000);

    // The system counts it in hundredths of a second.
    private static DateTimeOffset StartOfProcess()
    {
        using var process = Process.GetCurrentProcess();
        return process.StartTime.ToUniversalTime();
    }
}
