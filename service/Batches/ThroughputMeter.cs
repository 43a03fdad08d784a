using System.Diagnostics;

namespace Gemma2.Service.Batches;

/// <summary>How many tokens a second this process has computed for batches so far, prompts included: the measure by which inputs are split.</summary>
internal sealed class ThroughputMeter
{
    /// <summary>What is assumed before enough was measured: a mid-range GPU with a small model.</summary>
    public const double DefaultTokensPerSecond = 500;

    private static readonly TimeSpan Enough = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private long _tokens;
    private TimeSpan _busy;
    private int _running;
    private long _since;

    public double TokensPerSecond
    {
        get
        {
            lock (_lock)
                return _busy >= Enough && _tokens > 0 ? _tokens / _busy.TotalSeconds : DefaultTokensPerSecond;
        }
    }

    /// <summary>A line is begun.</summary>
    public void Begin()
    {
        lock (_lock)
        {
            if (_running++ == 0)
                _since = Stopwatch.GetTimestamp();
        }
    }

    /// <summary>A line has ended.</summary>
    /// <param name="tokens">What it took.</param>
    public void End(long tokens)
    {
        lock (_lock)
        {
            _tokens += tokens;
            _busy += Stopwatch.GetElapsedTime(_since);
            _since = Stopwatch.GetTimestamp();
            _running--;
        }
    }
}
