namespace Gemma2.Backend.Kernels.Attention;

/// <summary>The numbers of grouped-query attention that are the same in every layer.</summary>
internal sealed record AttentionShape
{
    public required int Heads { get; init; }

    public required int KeyValueHeads { get; init; }

    public required int HeadDimension { get; init; }

    /// <summary>Scores are multiplied by this.</summary>
    public required double Scale { get; init; }

    /// <summary>Scores become cap * tanh(score / cap); 0 means no cap.</summary>
    public required double Softcap { get; init; }

    /// <summary>Query heads that share a key/value head.</summary>
    public int Group => Heads / KeyValueHeads;

    /// <summary>Numbers of a row of queries, keys and values.</summary>
    public int QkvWidth => (Heads + (2 * KeyValueHeads)) * HeadDimension;
}
