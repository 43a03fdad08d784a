namespace Gemma2.Backend.Decoding;

/// <summary>Takes off the logit of a token that was generated already: the frequency penalty for each time, the presence penalty once. Prompts do not count.</summary>
internal sealed class FrequencyAndPresencePenalty(double frequency, double presence) : ITokenAdjustment
{
    private readonly TokenCounts _tokens = new();

    /// <inheritdoc/>
    public bool MayRaise => frequency < 0 || presence < 0;

    /// <inheritdoc/>
    public int TokenCount => _tokens.Counts.Count;

    /// <inheritdoc/>
    public float Adjust(int token, float logit) => _tokens.Counts.TryGetValue(token, out int count) ? Penalize(logit, count) : logit;

    /// <inheritdoc/>
    public void Apply(Span<float> logits)
    {
        foreach ((int token, int count) in _tokens.Counts) logits[token] = Penalize(logits[token], count);
    }

    /// <inheritdoc/>
    public void Accept(int token) => _tokens.Add(token);

    /// <inheritdoc/>
    public void Rewind(int count) => _tokens.RemoveLast(count);

    private float Penalize(double logit, int count) => (float)(logit - ((frequency * count) + presence));
}
