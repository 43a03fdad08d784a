using Gemma2.Backend.Decoding;

namespace Gemma2.Backend.Tests.Sampling;

/// <summary>A row of logits as the device would leave it, with sums that are off by a factor.</summary>
internal sealed class DeviceRow
{
    private readonly Candidate[] _highest;
    private readonly double _sum;
    private readonly double _logSum;
    private readonly int _tokenCount;

    /// <param name="logits">The model's logits.</param>
    /// <param name="temperature">The temperature of the sum.</param>
    /// <param name="count">Most candidates.</param>
    /// <param name="error">Relative error of the sums.</param>
    /// <param name="allowed">The mask; empty allows all.</param>
    public DeviceRow(float[] logits, double temperature, int count, double error, ReadOnlySpan<uint> allowed = default)
    {
        float[] masked = [.. logits];
        for (int id = 0; id < masked.Length; id++)
            if (!TokenBits.Contains(allowed, id)) masked[id] = TokenMask.Forbidden;
        Logits = masked;
        int[] ranked = [.. Oracle.Rank(masked).Take(count)];
        _highest = [.. ranked.Where(id => masked[id] != TokenMask.Forbidden).Select(id => new Candidate(id, masked[id]))];
        _tokenCount = _highest.Length < ranked.Length ? _highest.Length : logits.Length;
        if (_highest.Length > 0 && temperature > 0)
            _sum = masked.Sum(logit => Math.Exp(((double)logit - _highest[0].Logit) / temperature)) * (1 + error);
        double highest = logits.Max();
        _logSum = highest + Math.Log(logits.Sum(logit => Math.Exp(logit - highest)) * (1 + error));
    }

    /// <summary>All logits, masked.</summary>
    public float[] Logits { get; }

    public Candidates Candidates => CandidatesOf(0);

    /// <summary>With the logit of a token.</summary>
    public Candidates CandidatesOf(int token) => new()
    {
        Highest = _highest,
        LowestSum = _sum * (1 - Decoding.Candidates.SumError),
        HighestSum = _sum * (1 + Decoding.Candidates.SumError),
        TokenCount = _tokenCount,
        LogSum = _logSum,
        Wanted = new Candidate(token, Logits[token]),
    };
}
