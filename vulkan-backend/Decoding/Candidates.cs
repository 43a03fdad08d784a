namespace Gemma2.Backend.Decoding;

/// <summary>What the device tells of a row of logits instead of all of them.</summary>
internal readonly ref struct Candidates
{
    /// <summary>
    /// What the device's sums of exponentials are off by at most, in parts of them.
    /// Vulkan promises exp(x) to 3 + 2|x| units in the last place. Terms that matter have |x| below 20, arguments are rounded three times, and sums are made
    /// in a tree: 2^-17 is more than all of it, and this is four times as much.
    /// </summary>
    public const double SumError = 1.0 / (1 << 15);

    /// <summary>The highest logits of tokens that may be picked, in order of rank: falling logit, of equal ones the lower id first.</summary>
    public required ReadOnlySpan<Candidate> Highest { get; init; }

    /// <summary>
    /// The sum over all tokens that may be picked of exp((logit - highest) / temperature) is at least this, and at most <see cref="HighestSum"/>; of no meaning at
    /// temperature 0.
    /// </summary>
    public required double LowestSum { get; init; }

    /// <summary>See <see cref="LowestSum"/>.</summary>
    public required double HighestSum { get; init; }

    /// <summary>How many tokens may be picked; those that <see cref="Highest"/> has where that is all, more where it is not known.</summary>
    public required int TokenCount { get; init; }

    /// <summary>Logarithm of the sum over the whole vocabulary, masked or not, of exp(logit); absolute error below <see cref="SumError"/>.</summary>
    public double LogSum { get; init; }

    /// <summary>Whether a logit is NaN or infinite: then nothing else here means anything.</summary>
    public bool HasNotFinite { get; init; }

    /// <summary>The token that was asked for, and its logit.</summary>
    public Candidate Wanted { get; init; }
}

/// <summary>A token that may be picked.</summary>
/// <param name="Id">The token.</param>
/// <param name="Logit">Its logit after the softcap.</param>
internal readonly record struct Candidate(int Id, float Logit);
