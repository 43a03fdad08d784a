namespace Gemma2.Backend.Decoding;

/// <summary>Forbids the end tokens until the answer has a number of tokens; allows all from there on.</summary>
internal sealed class MinTokensMask : ITokenMask
{
    private readonly int _minTokens;
    private readonly uint[] _allButEndTokens;
    private int _count;

    /// <param name="vocabularySize">How many tokens there are.</param>
    /// <param name="endTokens">Tokens that end an answer.</param>
    /// <param name="minTokens">How many tokens come before one of them may.</param>
    public MinTokensMask(int vocabularySize, IReadOnlyList<int> endTokens, int minTokens)
    {
        _minTokens = minTokens;
        _allButEndTokens = TokenBits.All(vocabularySize);
        foreach (int token in endTokens) TokenBits.Remove(_allButEndTokens, token);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<uint> Allowed => _count < _minTokens ? _allButEndTokens : [];

    /// <inheritdoc/>
    public void Accept(int token) => _count++;

    /// <inheritdoc/>
    public void Rewind(int count) => _count -= count;
}
