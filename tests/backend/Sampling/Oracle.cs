using Gemma2.Backend.Decoding;

namespace Gemma2.Backend.Tests.Sampling;

/// <summary>Sampling as it is defined: a full sort and plain sums in double precision.</summary>
internal sealed class Oracle
{
    private const double Edge = 1e-9;
    private readonly int[] _ranked;
    private readonly double[] _probabilities;
    private readonly SamplingOptions _options;
    private readonly bool _cutIsNearAnEdge;

    public Oracle(float[] logits, SamplingOptions options, Func<int, bool>? allowed = null)
    {
        _options = options;
        int[] ranked =
        [
            .. Enumerable.Range(0, logits.Length).Where(id => allowed?.Invoke(id) ?? true).OrderByDescending(id => logits[id]).ThenBy(id => id),
        ];
        _probabilities = new double[logits.Length];
        if (options.Temperature == 0)
        {
            _ranked = ranked[..1];
            _probabilities[ranked[0]] = 1;
            return;
        }

        if (options.MinP > 0)
        {
            double[] shares = [.. ranked.Select(id => Math.Exp(((double)logits[id] - logits[ranked[0]]) / options.Temperature))];
            _cutIsNearAnEdge = ranked.Where((id, rank) => logits[id] < logits[ranked[0]] && Math.Abs(shares[rank] - options.MinP) < Edge).Any();
            ranked = [.. ranked.Where((_, rank) => shares[rank] >= options.MinP)];
        }

        if (options.TopK > 0) ranked = [.. ranked.Take(options.TopK)];

        double[] weights = [.. ranked.Select(id => Math.Exp(((double)logits[id] - logits[ranked[0]]) / options.Temperature))];
        double total = weights.Sum(), sum = 0;
        int kept = 0;
        while (kept < ranked.Length && (kept == 0 || options.TopP == 1 || sum < options.TopP * total))
        {
            sum += weights[kept++];
            _cutIsNearAnEdge |= options.TopP < 1 && Math.Abs(sum / total - options.TopP) < Edge;
        }

        _ranked = ranked[..kept];
        for (int i = 0; i < kept; i++) _probabilities[ranked[i]] = weights[i] / sum;
    }

    public double[] Probabilities() => _probabilities;

    public int Sample(int index) => Draw(index).Id;

    /// <summary>True where rounding may decide.</summary>
    public bool IsNearAnEdge(int index) => _cutIsNearAnEdge || Draw(index).Distance < Edge;

    /// <summary>Logits as bias and penalties leave them, each step rounded to a float.</summary>
    public static float[] Adjust(float[] logits, SamplingOptions options, int[] prompt, int[] answer) =>
        [.. logits.Select((logit, id) => Adjust(logit, id, options, prompt, answer))];

    /// <summary>Logarithms of softmax.</summary>
    public static double[] LogSoftmax(float[] logits)
    {
        double highest = logits.Max(), logSum = highest + Math.Log(logits.Sum(logit => Math.Exp(logit - highest)));
        return [.. logits.Select(logit => logit - logSum)];
    }

    /// <summary>Ids in order of rank.</summary>
    public static int[] Rank(float[] logits) => [.. Enumerable.Range(0, logits.Length).OrderByDescending(id => logits[id]).ThenBy(id => id)];

    private static float Adjust(float logit, int id, SamplingOptions options, int[] prompt, int[] answer)
    {
        if (options.LogitBias is not null && options.LogitBias.TryGetValue(id, out double bias)) logit = (float)(logit + bias);
        if (prompt.Contains(id) || answer.Contains(id)) logit = (float)(logit > 0 ? logit / options.RepetitionPenalty : logit * options.RepetitionPenalty);
        int count = answer.Count(token => token == id);
        return count == 0 ? logit : (float)(logit - ((options.FrequencyPenalty * count) + options.PresencePenalty));
    }

    /// <summary>The token in whose part of [0, 1) the random number lies, parts in order of rank, and how far it lies from the part's ends.</summary>
    private (int Id, double Distance) Draw(int index)
    {
        double point = SplitMix64.UniformAt(_options.Seed, (ulong)index), sum = 0;
        foreach (int id in _ranked)
        {
            double begin = sum;
            sum += _probabilities[id];
            if (point < sum) return (id, Math.Min(begin > 0 ? point - begin : 1, sum < 1 - Edge ? sum - point : 1));
        }

        return (-1, 0);
    }
}
