namespace Gemma2.Backend.Decoding;

/// <summary>What the device tells of a row of logits instead of all of them.</summary>
/// <param name="highest">The highest logits and their tokens, in order of rank: falling logit, of equal ones the lower id first.</param>
/// <param name="sum">
/// Sum over the whole vocabulary of exp((logit - highest) / temperature), relative error below <see cref="SumError"/>; of no meaning at temperature 0.
/// NaN where a logit is not finite: then nothing else here means anything.
/// </param>
/// <param name="vocabularySize">How many logits there are.</param>
internal readonly ref struct Candidates(ReadOnlySpan<Candidate> highest, double sum, int vocabularySize)
{
    /// <summary>
    /// Vulkan promises exp(x) to 3 + 2|x| units in the last place. Terms that matter have |x| below 20, arguments are rounded three times, and sums are made
    /// in a tree: 2^-17 is more than all of it, and this is four times as much.
    /// </summary>
    public const double SumError = 1.0 / (1 << 15);

    /// <summary>The highest logits, in order of rank.</summary>
    public ReadOnlySpan<Candidate> Highest { get; } = highest;

    /// <summary>The sum over all logits.</summary>
    public double Sum { get; } = sum;

    /// <summary>How many logits there are.</summary>
    public int VocabularySize { get; } = vocabularySize;
}

/// <summary>A token that may be picked.</summary>
/// <param name="Id">The token.</param>
/// <param name="Logit">Its logit after the softcap.</param>
internal readonly record struct Candidate(int Id, float Logit);
