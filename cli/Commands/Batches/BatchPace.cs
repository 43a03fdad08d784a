using Gemma2.Storage.Batches;

namespace Gemma2.Cli.Commands.Batches;

/// <summary>
/// How fast a batch goes, from looks at it while its lines run. What was seen long ago counts less and less, so that a batch that gets more workers, or loses
/// some, shows it soon; the longer the watch, the longer it remembers, so that lines that take minutes each do not make the figures jump.
/// </summary>
internal sealed class BatchPace
{
    // Results come in bursts, every few seconds: less than this says nothing.
    private static readonly TimeSpan ShortestWatch = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ShortestMemory = TimeSpan.FromSeconds(30);

    // A batch that stands still has no end that could be told.
    private static readonly TimeSpan LongestForecast = TimeSpan.FromDays(30);

    private Look? _last;
    private TimeSpan _watched;
    private double _seconds;
    private double _requests;
    private double _tokens;

    /// <summary>New tokens a second; null while that is not known.</summary>
    public double? TokensPerSecond => IsKnown && _tokens > 0 ? _tokens / _seconds : null;

    /// <summary>How long the requests that have no result yet will take at this pace; null while that is not known.</summary>
    public TimeSpan? TimeLeft => IsKnown && _requests > 0 && _last!.Value.Undone * _seconds / _requests is var seconds && seconds < LongestForecast.TotalSeconds
        ? TimeSpan.FromSeconds(seconds)
        : null;

    private bool IsKnown => _watched >= ShortestWatch;

    /// <summary>Adds a look.</summary>
    /// <param name="at">When, on a clock that only goes forward.</param>
    /// <param name="counts">The batch's requests then.</param>
    /// <param name="usage">Its tokens then.</param>
    public void Add(TimeSpan at, BatchCounts counts, BatchUsage usage)
    {
        var look = new Look(at, counts.Completed + counts.Failed, Math.Max(0, counts.Total - counts.Completed - counts.Failed), usage.OutputTokens);
        if (_last is { } last && at > last.At) Remember(at - last.At, look.Done - last.Done, look.Tokens - last.Tokens);
        if (_last is null || at > _last.Value.At) _last = look;
    }

    private void Remember(TimeSpan elapsed, long requests, long tokens)
    {
        _watched += elapsed;
        TimeSpan memory = _watched / 4 > ShortestMemory ? _watched / 4 : ShortestMemory;
        double kept = Math.Exp(-elapsed / memory);
        _seconds = (_seconds * kept) + elapsed.TotalSeconds;
        _requests = (_requests * kept) + requests;
        _tokens = (_tokens * kept) + tokens;
    }

    private readonly record struct Look(TimeSpan At, long Done, long Undone, long Tokens);
}
