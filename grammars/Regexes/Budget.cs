namespace Gemma2.Grammars.Regexes;

/// <summary>How much work may still be done: what would explode ends with an error instead.</summary>
internal sealed class Budget
{
    private CancellationToken _cancellationToken;

    /// <summary>What is left.</summary>
    public long Left { get; private set; } = long.MaxValue;

    /// <summary>Allows an amount of work from now on, roughly as many new expressions and states.</summary>
    public void Allow(long amount, CancellationToken cancellationToken = default) => (Left, _cancellationToken) = (amount, cancellationToken);

    /// <summary>Counts work that was done.</summary>
    /// <exception cref="OperationCanceledException">It is not wanted any more.</exception>
    /// <exception cref="GrammarException">It was too much.</exception>
    public void Spend(long amount)
    {
        _cancellationToken.ThrowIfCancellationRequested();
        Left -= amount;
        if (Left < 0) throw new GrammarException("", "is too complex: its expressions take too many steps to match; use smaller counts and fewer alternatives that overlap.");
    }
}
