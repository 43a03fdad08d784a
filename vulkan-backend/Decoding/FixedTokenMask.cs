namespace Gemma2.Backend.Decoding;

/// <summary>Allows the same tokens everywhere.</summary>
public sealed class FixedTokenMask : ITokenMask
{
    private readonly uint[] _allowed;

    /// <param name="vocabularySize">How many tokens there are.</param>
    /// <param name="allowed">The tokens that may come.</param>
    public FixedTokenMask(int vocabularySize, IEnumerable<int> allowed)
    {
        _allowed = new uint[TokenBits.Words(vocabularySize)];
        foreach (int token in allowed)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(token, nameof(allowed));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(token, vocabularySize, nameof(allowed));
            TokenBits.Add(_allowed, token);
        }
    }

    /// <inheritdoc/>
    public ReadOnlySpan<uint> Allowed => _allowed;

    /// <inheritdoc/>
    public void Accept(int token)
    {
    }

    /// <inheritdoc/>
    public void Rewind(int count)
    {
    }
}
