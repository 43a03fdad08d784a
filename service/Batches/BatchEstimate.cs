using Gemma2.Storage.Batches;

namespace Gemma2.Service.Batches;

/// <summary>What a batch would take.</summary>
internal sealed record BatchEstimate
{
    /// <summary>What it would be made of.</summary>
    public required NewBatch Batch { get; init; }

    /// <summary>Lines that are not blank.</summary>
    public required long Lines { get; init; }

    /// <summary>Those that would fail at once.</summary>
    public required long BadLines { get; init; }

    /// <summary>What is wrong with the first of them.</summary>
    public required IReadOnlyList<BatchError> Errors { get; init; }

    /// <summary>Lines that were looked at; where they are fewer than <see cref="Lines"/>, all numbers are theirs, scaled by the file's length.</summary>
    public required long CountedLines { get; init; }

    /// <summary>Tokens of prompts, and the most that answers may have.</summary>
    public required BatchUsage MostUsage { get; init; }

    /// <summary>Tokens that are likely to be computed: an answer without a limit is taken for a usual one.</summary>
    public required double ExpectedTokens { get; init; }

    /// <summary>Likely tokens of the batches that have not ended.</summary>
    public required double TokensAhead { get; init; }

    /// <summary>How fast this process is.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>The time of the estimate, by storage's clock.</summary>
    public required DateTimeOffset Now { get; init; }

    /// <summary>What it would cost at most; null where nobody has said what tokens cost.</summary>
    public required BatchCost? MostCost { get; init; }

    /// <summary>When it would end, were it begun now, behind all others, in a process as fast as this one.</summary>
    public DateTimeOffset ExpectedEnd => Now + TimeSpan.FromSeconds(Math.Min((TokensAhead + ExpectedTokens) / TokensPerSecond, TimeSpan.FromDays(10_000).TotalSeconds));
}
