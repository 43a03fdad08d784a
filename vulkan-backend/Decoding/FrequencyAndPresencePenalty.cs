namespace Gemma2.Backend.Decoding;

/// <summary>Takes off the logit of a token that was generated already: the frequency penalty for each time, the presence penalty once. Prompts do not count.</summary>
internal sealed class FrequencyAndPresencePenalty(double frequency, double presence) : ITokenProcessor
{
    private readonly TokenCounts _tokens = new();

    /// <inheritdoc/>
    public void Apply(Span<float> logits)
    {
        foreach ((int token, int count) in _tokens.Counts) logits[token] = (float)(logits[token] - ((frequency * count) + presence));
    }

    /// <inheritdoc/>
    public void Accept(int token) => _tokens.Add(token);

    /// <inheritdoc/>
    public void Rewind(int count) => _tokens.RemoveLast(count);
}
