namespace Gemma2.Backend.Decoding;

/// <summary>
/// Makes tokens of the prompt and the answer less likely (or more, below 1): a logit above 0 is divided by the penalty, one below multiplied.
/// Source: Keskar et al., "CTRL", https://arxiv.org/abs/1909.05858, section 4.1, in the form that Hugging Face's libraries and vLLM use.
/// </summary>
internal sealed class RepetitionPenalty : ITokenAdjustment
{
    /// <summary>Results stay finite, and above what a mask forbids.</summary>
    private const double Limit = 1e38;

    private readonly double _penalty;
    private readonly TokenCounts _tokens = new();

    /// <param name="penalty">Finite, above 0.</param>
    /// <param name="prompt">The prompt's tokens.</param>
    public RepetitionPenalty(double penalty, ReadOnlySpan<int> prompt)
    {
        _penalty = penalty;
        foreach (int token in prompt) _tokens.Add(token);
    }

    /// <inheritdoc/>
    public bool MayRaise => _penalty < 1;

    /// <inheritdoc/>
    public int TokenCount => _tokens.Counts.Count;

    /// <inheritdoc/>
    public float Adjust(int token, float logit) => _tokens.Counts.ContainsKey(token) ? Penalize(logit) : logit;

    /// <inheritdoc/>
    public void Apply(Span<float> logits)
    {
        foreach ((int token, _) in _tokens.Counts) logits[token] = Penalize(logits[token]);
    }

    /// <inheritdoc/>
    public void Accept(int token) => _tokens.Add(token);

    /// <inheritdoc/>
    public void Rewind(int count) => _tokens.RemoveLast(count);

    private float Penalize(double logit) => (float)Math.Clamp(logit > 0 ? logit / _penalty : logit * _penalty, -Limit, Limit);
}
