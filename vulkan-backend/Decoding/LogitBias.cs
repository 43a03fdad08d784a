namespace Gemma2.Backend.Decoding;

/// <summary>Adds to tokens' logits what the request says.</summary>
internal sealed class LogitBias(IReadOnlyDictionary<int, double> bias) : ITokenAdjustment
{
    // Taken as it is where that can be: answers to one prompt share what may be a whole vocabulary.
    private readonly Dictionary<int, double> _bias = bias as Dictionary<int, double> ?? new(bias);

    /// <inheritdoc/>
    public bool MayRaise { get; } = bias.Values.Any(value => value > 0);

    /// <inheritdoc/>
    public int TokenCount => _bias.Count;

    /// <inheritdoc/>
    public float Adjust(int token, float logit) => _bias.TryGetValue(token, out double bias) ? (float)(logit + bias) : logit;

    /// <inheritdoc/>
    public void Apply(Span<float> logits)
    {
        foreach ((int token, double bias) in _bias) logits[token] = (float)(logits[token] + bias);
    }

    /// <inheritdoc/>
    public void Accept(int token)
    {
    }

    /// <inheritdoc/>
    public void Rewind(int count)
    {
    }
}
