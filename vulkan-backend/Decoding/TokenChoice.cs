namespace Gemma2.Backend.Decoding;

/// <summary>A token that was picked, and what was asked about it.</summary>
/// <param name="Id">The token.</param>
/// <param name="LogProbability">Natural logarithm of the model's own probability for it (<see cref="SamplingOptions.LogProbabilities"/>); null when not asked.</param>
public readonly record struct TokenChoice(int Id, double? LogProbability = null)
{
    private readonly IReadOnlyList<TokenLogProbability>? _top;

    /// <summary>The likeliest tokens, highest first, of equal ones the lower id first: as many as were asked for, or as there are.</summary>
    public IReadOnlyList<TokenLogProbability> Top
    {
        get => _top ?? [];
        init => _top = value;
    }
}

/// <summary>A token and the natural logarithm of its probability.</summary>
/// <param name="Id">The token.</param>
/// <param name="LogProbability">At most 0.</param>
public readonly record struct TokenLogProbability(int Id, double LogProbability);
