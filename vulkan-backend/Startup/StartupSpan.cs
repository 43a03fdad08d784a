namespace Gemma2.Backend.Startup;

/// <summary>One stage of a start while it lasts.</summary>
public sealed class StartupSpan : IDisposable
{
    private readonly StartupTimeline _timeline;
    private readonly Lock _lock = new();
    private StartupStage _stage;

    internal StartupSpan(StartupTimeline timeline, string stage, string? of, TimeSpan begin, TimeSpan? end = null)
    {
        _timeline = timeline;
        _stage = new StartupStage(stage, of, begin, end, Bytes: 0);
    }

    /// <summary>What is known of the stage by now.</summary>
    public StartupStage Stage
    {
        get
        {
            lock (_lock) return _stage;
        }
    }

    /// <summary>So many more bytes were read.</summary>
    public void Add(long bytes)
    {
        lock (_lock) _stage = _stage with { Bytes = _stage.Bytes + bytes };
    }

    /// <summary>The stage ends; only the first call says so.</summary>
    public void Dispose()
    {
        lock (_lock) _stage = _stage with { End = _stage.End ?? _timeline.Now };
    }
}
