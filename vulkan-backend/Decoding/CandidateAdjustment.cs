namespace Gemma2.Backend.Decoding;

/// <summary>
/// Candidates as processors that lower logits leave them. The tokens beside them had logits no higher than the lowest candidate's, and have none now: what is
/// still above it is in order, and the sum over the others is known within bounds.
/// </summary>
internal static class CandidateAdjustment
{
    private static readonly Comparison<Candidate> ByRank = (a, b) => a.Logit != b.Logit ? b.Logit.CompareTo(a.Logit) : a.Id.CompareTo(b.Id);

    /// <summary>Applies processors to candidates.</summary>
    /// <param name="candidates">Candidates, at least one, of logits that are finite.</param>
    /// <param name="adjustments">Processors none of which raises a logit, in their order.</param>
    /// <param name="temperature">The temperature of the candidates' sum.</param>
    /// <param name="ranked">Room for as many candidates.</param>
    /// <returns>Candidates for the same choice; none where they cannot be told.</returns>
    public static Candidates Apply(in Candidates candidates, ReadOnlySpan<ITokenAdjustment> adjustments, double temperature, Span<Candidate> ranked)
    {
        ReadOnlySpan<Candidate> own = candidates.Highest;
        ranked = ranked[..own.Length];
        for (int i = 0; i < own.Length; i++) ranked[i] = own[i] with { Logit = Adjust(own[i], adjustments) };
        ranked.Sort(ByRank);
        int known = own.Length == candidates.TokenCount ? own.Length : CountInOrder(ranked, own[^1]);
        if (known == 0) return default;
        (double low, double high) = temperature == 0 ? (0, 0) : BoundSum(candidates, ranked, temperature, CountTokens(adjustments));
        return new Candidates { Highest = ranked[..known], LowestSum = low, HighestSum = high, TokenCount = candidates.TokenCount };
    }

    private static float Adjust(Candidate candidate, ReadOnlySpan<ITokenAdjustment> adjustments)
    {
        float logit = candidate.Logit;
        foreach (ITokenAdjustment adjustment in adjustments) logit = adjustment.Adjust(candidate.Id, logit);
        return logit;
    }

    /// <summary>Adjusted candidates that rank before every other token: those that would have ranked no lower than the last candidate did.</summary>
    private static int CountInOrder(ReadOnlySpan<Candidate> ranked, Candidate last)
    {
        int count = 0;
        while (count < ranked.Length && ByRank(ranked[count], last) <= 0) count++;
        return count;
    }

    /// <summary>The sum over all tokens: over the candidates as they are now, and over the others what is left of their part of the old sum.</summary>
    private static (double Low, double High) BoundSum(in Candidates candidates, ReadOnlySpan<Candidate> ranked, double temperature, int changed)
    {
        ReadOnlySpan<Candidate> own = candidates.Highest;
        float highest = own[0].Logit;
        double before = SumExp(own, highest, temperature);
        double after = SumExp(ranked, ranked[0].Logit, temperature);
        // Each token that was changed may have lost all that it had, which was at most the last candidate's part.
        double lost = changed * Math.Exp(((double)own[^1].Logit - highest) / temperature);
        double scale = Math.Exp(((double)highest - ranked[0].Logit) / temperature);
        double low = Math.Max(0, candidates.LowestSum - before - lost) * scale;
        double high = Math.Max(0, candidates.HighestSum - before) * scale;
        // No number times infinity may come out as certain.
        return double.IsFinite(scale) ? (after + low, after + high) : (0, double.PositiveInfinity);
    }

    private static double SumExp(ReadOnlySpan<Candidate> candidates, float highest, double temperature)
    {
        double sum = 0;
        foreach (Candidate candidate in candidates) sum += Math.Exp(((double)candidate.Logit - highest) / temperature);
        return sum;
    }

    private static int CountTokens(ReadOnlySpan<ITokenAdjustment> adjustments)
    {
        int count = 0;
        foreach (ITokenAdjustment adjustment in adjustments) count += adjustment.TokenCount;
        return count;
    }
}
