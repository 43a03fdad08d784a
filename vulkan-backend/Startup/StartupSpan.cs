namespace Gemma2.Backend.Startup;

/// <summary>One stage of a start while it lasts.</summary>
public sealed class StartupSpan : IDisposable
{
    private readonly StartupTimeline _timeline;
    private readonly Lock _lock = new();
    private readonly string _stage;
    private readonly string? _of;
    private readonly TimeSpan? _begin;
    private TimeSpan? _end;
    private long _bytes;

    /// <summary>A stage.</summary>
    /// <param name="timeline">Whose it is.</param>
    /// <param name="stage">Its name.</param>
    /// <param name="of">What it is the stage of.</param>
    /// <param name="begin">The timeline's time when it began; null where it began with the process.</param>
    /// <param name="end">The timeline's time when it ended; null while it lasts.</param>
    internal StartupSpan(StartupTimeline timeline, string stage, string? of, TimeSpan? begin, TimeSpan? end = null)
    {
        _timeline = timeline;
        _stage = stage;
        _of = of;
        _begin = begin;
        _end = end;
    }

    /// <summary>What is known of the stage by now.</summary>
    public StartupStage Stage
    {
        get
        {
            lock (_lock) return new StartupStage(_stage, _of, FromStart(_begin) ?? TimeSpan.Zero, FromStart(_end), _bytes);
        }
    }

    /// <summary>So many more bytes were read.</summary>
    public void Add(long bytes)
    {
        lock (_lock) _bytes += bytes;
    }

    /// <summary>The stage ends; only the first call says so.</summary>
    public void Dispose()
    {
        lock (_lock) _end ??= _timeline.Now;
    }

    private TimeSpan? FromStart(TimeSpan? time) => time is { } known ? _timeline.FromStart(known) : null;
}
