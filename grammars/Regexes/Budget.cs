namespace Gemma2.Grammars.Regexes;

/// <summary>How much work may still be done: what would explode ends with an error instead.</summary>
internal sealed class Budget
{
    private long _left = long.MaxValue;
    private CancellationToken _cancellationToken;

    /// <summary>Allows an amount of work from now on, roughly as many new expressions and states.</summary>
    public void Allow(long amount, CancellationToken cancellationToken = default) => (_left, _cancellationToken) = (amount, cancellationToken);

    /// <summary>Counts work that was done.</summary>
    /// <exception cref="OperationCanceledException">It is not wanted any more.</exception>
    /// <exception cref="GrammarException">It was too much.</exception>
    public void Spend(long amount)
    {
        _cancellationToken.ThrowIfCancellationRequested();
        _left -= amount;
        if (_left < 0) throw new GrammarException("", "is too complex: its expressions take too many steps to match; use smaller counts and fewer alternatives that overlap.");
    }
}
