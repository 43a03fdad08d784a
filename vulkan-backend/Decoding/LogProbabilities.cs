using System.Numerics.Tensors;

namespace Gemma2.Backend.Decoding;

/// <summary>
/// Log-probabilities of tokens by the model's own distribution: softmax at temperature 1 of the logits after the softcap, before anything that a request wants
/// changed (vLLM calls them raw_logprobs). From all logits they are exact to double precision; from <see cref="Candidates"/> the sum over the vocabulary is known to
/// <see cref="Candidates.SumError"/>, so that they are off by at most that much.
/// </summary>
internal static class LogProbabilities
{
    private const int Chunk = 512;

    /// <summary>The log-probability of a token, and the likeliest tokens beside it.</summary>
    /// <param name="logits">[vocabulary] logits after the softcap, finite.</param>
    /// <param name="token">The token.</param>
    /// <param name="top">How many of the likeliest are told.</param>
    public static TokenChoice Of(ReadOnlySpan<float> logits, int token, int top)
    {
        double logSum = LogSum(logits);
        Span<Candidate> highest = stackalloc Candidate[Math.Min(top, logits.Length)];
        FindHighest(logits, highest);
        return Tell(token, logits[token], logSum, highest);
    }

    /// <summary>The same of <see cref="Candidates.Wanted"/>.</summary>
    /// <param name="candidates">Of a row that is finite and was not masked.</param>
    /// <param name="top">How many of the likeliest are told; at most as many as there are candidates.</param>
    public static TokenChoice Of(in Candidates candidates, int top) =>
        Tell(candidates.Wanted.Id, candidates.Wanted.Logit, candidates.LogSum, candidates.Highest[..Math.Min(top, candidates.Highest.Length)]);

    /// <summary>The choice of a token whose logit is known.</summary>
    /// <param name="token">The token.</param>
    /// <param name="logit">Its logit after the softcap.</param>
    /// <param name="logSum">Logarithm of the sum over the vocabulary of exp(logit).</param>
    /// <param name="top">The tokens that are told beside it.</param>
    public static TokenChoice Tell(int token, float logit, double logSum, ReadOnlySpan<Candidate> top)
    {
        // Rounding must not make more than certain what is all but certain.
        if (top.IsEmpty) return new TokenChoice(token, Math.Min(logit - logSum, 0));
        var told = new TokenLogProbability[top.Length];
        for (int i = 0; i < told.Length; i++) told[i] = new TokenLogProbability(top[i].Id, Math.Min(top[i].Logit - logSum, 0));
        return new TokenChoice(token, Math.Min(logit - logSum, 0)) { Top = told };
    }

    /// <summary>Logarithm of the sum of exp(logit).</summary>
    public static double LogSum(ReadOnlySpan<float> logits)
    {
        double highest = TensorPrimitives.Max(logits), sum = 0;
        Span<double> buffer = stackalloc double[Chunk];
        for (int first = 0; first < logits.Length; first += Chunk)
        {
            ReadOnlySpan<float> chunk = logits[first..Math.Min(first + Chunk, logits.Length)];
            Span<double> terms = buffer[..chunk.Length];
            TensorPrimitives.ConvertChecked(chunk, terms);
            TensorPrimitives.Subtract(terms, highest, terms);
            TensorPrimitives.Exp(terms, terms);
            sum += TensorPrimitives.Sum<double>(terms);
        }

        return highest + Math.Log(sum);
    }

    /// <summary>Finds the highest logits, in order of rank: falling, of equal ones the lower id first.</summary>
    public static void FindHighest(ReadOnlySpan<float> logits, Span<Candidate> highest)
    {
        if (highest.IsEmpty) return;
        int count = 0;
        for (int id = 0; id < logits.Length; id++)
        {
            if (count == highest.Length && !(logits[id] > highest[^1].Logit)) continue;
            int place = count < highest.Length ? count++ : count - 1;
            for (; place > 0 && logits[id] > highest[place - 1].Logit; place--) highest[place] = highest[place - 1];
            highest[place] = new Candidate(id, logits[id]);
        }
    }
}
