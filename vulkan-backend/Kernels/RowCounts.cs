namespace Gemma2.Backend.Kernels;

/// <summary>
/// How a row's token came about, which decides the kernels that compute it. A prompt's token always goes through the kernels for prompts and a generated one through those that decode, whatever the
/// step looks like: so its bits depend on its own sequence alone.
/// </summary>
internal enum RowKind
{
    /// <summary>A token of a prompt.</summary>
    Prompt,

    /// <summary>A token that was generated.</summary>
    Decoding,
}

/// <summary>Rows of one kind that lie one behind the other.</summary>
/// <param name="Kind">Which kernels compute them.</param>
/// <param name="Count">How many there are.</param>
internal readonly record struct RowGroup(RowKind Kind, int Count);

/// <summary>The rows of a step: those of prompts, and behind them those that decode.</summary>
/// <param name="Prompt">Rows of prompts.</param>
/// <param name="Decoding">Rows that decode.</param>
internal readonly record struct RowCounts(int Prompt, int Decoding)
{
    /// <summary>All rows.</summary>
    public int Total => Prompt + Decoding;

    /// <summary>Rows of one kind.</summary>
    public static RowCounts Of(RowKind kind, int count) => kind == RowKind.Prompt ? new(count, 0) : new(0, count);
}
