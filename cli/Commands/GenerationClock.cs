using System.Diagnostics;

namespace Gemma2.Cli.Commands;

/// <summary>Times a run from loading to the last token.</summary>
internal sealed class GenerationClock
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private long _loaded;
    private long _first;
    private long _last;
    private int _tokens;

    /// <summary>The model is in the device's memory.</summary>
    public void Loaded() => _loaded = Stopwatch.GetTimestamp();

    /// <summary>A token came.</summary>
    public void Token()
    {
        _last = Stopwatch.GetTimestamp();
        if (_tokens++ == 0) _first = _last;
    }

    /// <summary>The times of a run that made at least one token.</summary>
    public TimingReport Report(int promptTokens)
    {
        double load = Seconds(_start, _loaded), first = Seconds(_loaded, _first), rest = Seconds(_first, _last);
        return new TimingReport(load, first, Rate(promptTokens, first), Rate(_tokens - 1, rest));
    }

    private static double Seconds(long from, long to) => Stopwatch.GetElapsedTime(from, to).TotalSeconds;

    private static double? Rate(int tokens, double seconds) => tokens > 0 && seconds > 0 ? tokens / seconds : null;
}

/// <summary>How long a run took.</summary>
/// <param name="LoadSeconds">Until the model was in the device's memory.</param>
/// <param name="TimeToFirstTokenSeconds">From there to the first new token.</param>
/// <param name="PromptTokensPerSecond">The prompt's tokens in that time.</param>
/// <param name="DecodeTokensPerSecond">The tokens after the first; null when there are none.</param>
internal sealed record TimingReport(double LoadSeconds, double TimeToFirstTokenSeconds, double? PromptTokensPerSecond, double? DecodeTokensPerSecond);
