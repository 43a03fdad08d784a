namespace Gemma2.Backend.Decoding;

/// <summary>Adds to tokens' logits what the request says.</summary>
internal sealed class LogitBias(IReadOnlyDictionary<int, double> bias) : ITokenProcessor
{
    private readonly KeyValuePair<int, double>[] _entries = [.. bias];

    /// <inheritdoc/>
    public void Apply(Span<float> logits)
    {
        foreach ((int token, double bias) in _entries) logits[token] = (float)(logits[token] + bias);
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
