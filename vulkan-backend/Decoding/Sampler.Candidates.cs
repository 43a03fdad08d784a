namespace Gemma2.Backend.Decoding;

public sealed partial class Sampler
{
    /// <summary>
    /// Picks the token that <see cref="Sample(ReadOnlySpan{float}, SamplingOptions, int)"/> picks from all logits, where the highest of them decide.
    /// The sum over the others is known within bounds; the choice is made for both, and counts when they agree.
    /// </summary>
    /// <param name="candidates">The highest logits, and the sum at the temperature of <paramref name="options"/>.</param>
    /// <param name="options">Validated options.</param>
    /// <param name="index">Number of the token in the answer, from 0.</param>
    /// <returns>The token; null when all logits have to be looked at.</returns>
    internal static int? Sample(in Candidates candidates, SamplingOptions options, int index)
    {
        if (candidates.HasNotFinite) return null;
        ReadOnlySpan<Candidate> highest = candidates.Highest;
        if (options.Temperature == 0) return highest[0].Id;

        int limit = Limit(candidates, options);
        Span<double> reached = stackalloc double[Math.Min(limit, highest.Length)];
        SumWeights(highest, options.Temperature, reached);

        // The sum over all that top-k and min-p keep lies between these.
        (double low, double high) = (reached[^1], reached[^1]);
        if (limit > reached.Length)
        {
            high = Math.Max(low, candidates.HighestSum);
            if (limit == candidates.TokenCount && options.MinP == 0) low = Math.Max(low, candidates.LowestSum);
        }

        if (options.TopP < 1)
        {
            if (FirstToReach(reached, options.TopP * low, options.TopP * high) is not int last) return null;
            low = high = reached[last];
        }

        double uniform = SplitMix64.UniformAt(options.Seed, (ulong)index);
        return FirstToReach(reached, Math.BitIncrement(uniform * low), Math.BitIncrement(uniform * high)) is int drawn ? highest[drawn].Id : null;
    }

    /// <summary>How many tokens top-k and min-p keep; more than there are candidates where that is not known.</summary>
    private static int Limit(in Candidates candidates, SamplingOptions options)
    {
        int limit = options.TopK == 0 ? candidates.TokenCount : Math.Min(options.TopK, candidates.TokenCount);
        if (options.MinP == 0) return limit;
        double lowest = LowestOfMinP(candidates.Highest[0].Logit, options);
        int above = 1;
        while (above < candidates.Highest.Length && candidates.Highest[above].Logit >= lowest) above++;
        return above < candidates.Highest.Length ? Math.Min(limit, above) : limit;
    }

    /// <summary>Running sums of exp((logit - highest) / temperature), in order of rank.</summary>
    private static void SumWeights(ReadOnlySpan<Candidate> ranked, double temperature, Span<double> sums)
    {
        double sum = 0;
        for (int i = 0; i < sums.Length; i++)
            sums[i] = sum += Math.Exp(((double)ranked[i].Logit - ranked[0].Logit) / temperature);
    }

    /// <summary>The first running sum that is at least the target; null where the two targets do not agree on it, or none is.</summary>
    private static int? FirstToReach(ReadOnlySpan<double> sums, double lowTarget, double highTarget)
    {
        int first = 0;
        while (first < sums.Length && sums[first] < lowTarget) first++;
        return first < sums.Length && sums[first] >= highTarget ? first : null;
    }
}
