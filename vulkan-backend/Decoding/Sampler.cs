using System.Numerics.Tensors;

namespace Gemma2.Backend.Decoding;

/// <summary>Picks tokens from logits. Holds buffers, so one belongs to one thread; it keeps nothing else from one token to the next.</summary>
/// <param name="vocabularySize">Length of the logits.</param>
public sealed partial class Sampler(int vocabularySize)
{
    /// <summary>exp(x) is 0 in double precision below this: such tokens are never drawn, so they need not be looked at.</summary>
    private const double LogOfNothing = -746;

    private const int DigitBits = 11;
    private const int Digits = 1 << DigitBits;

    // Three digits cover 33 bits: the last shares a bit with the one before, which is known by then.
    private static readonly int[] DigitShifts = [21, 10, 0];

    private readonly int[] _ids = new int[vocabularySize];
    private readonly double[] _weights = new double[vocabularySize];
    private readonly double[] _weightOfDigit = new double[Digits];
    private float[]? _kept;

    /// <summary>
    /// Picks one token: logits divided by the temperature, then those that min-p leaves, of them the K highest, then of their softmax the smallest set that
    /// reaches P, then one by chance.
    /// Equal logits rank by id, lower first, and the random number runs down the ranks. The choice follows from the arguments alone. Allocates nothing.
    /// </summary>
    /// <param name="logits">Logits after the final softcap, [vocabulary].</param>
    /// <param name="options">Validated options.</param>
    /// <param name="index">Number of the token in the answer, from 0: each has its own random number.</param>
    /// <exception cref="GenerationException">A logit is NaN or infinite.</exception>
    public int Sample(ReadOnlySpan<float> logits, SamplingOptions options, int index)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(logits.Length, _ids.Length);
        float highest = Highest(logits);
        if (options.Temperature == 0) return logits.IndexOf(highest);

        int count = KeepAbove(logits, LowestOfMinP(highest, options));
        if (options.TopK > 0 && options.TopK < count)
        {
            _weights.AsSpan().Fill(1);
            count = KeepHighest(logits, count, options.TopK);
        }

        double total = Exponentiate(logits, count, highest, options.Temperature);
        if (options.TopP < 1)
        {
            count = KeepHighest(logits, count, options.TopP * total);
            total = Sum(count);
        }

        return Draw(logits, count, SplitMix64.UniformAt(options.Seed, (ulong)index) * total);
    }

    /// <summary>A copy of the logits, there until the next call.</summary>
    internal ReadOnlySpan<float> Keep(ReadOnlySpan<float> logits)
    {
        _kept ??= new float[_ids.Length];
        logits.CopyTo(_kept);
        return _kept;
    }

    /// <summary>The lowest logit that min-p leaves, for candidates as for all logits.</summary>
    private static double LowestOfMinP(float highest, SamplingOptions options) =>
        highest + (options.Temperature * Math.Max(Math.Log(options.MinP), LogOfNothing));

    /// <summary>The highest of the logits.</summary>
    /// <exception cref="GenerationException">One is NaN or infinite.</exception>
    internal static float Highest(ReadOnlySpan<float> logits)
    {
        float highest = TensorPrimitives.Max(logits);
        if (float.IsFinite(highest) && float.IsFinite(TensorPrimitives.Min(logits))) return highest;
        int id = 0;
        while (float.IsFinite(logits[id])) id++;
        throw new GenerationException($"The model computed {logits[id]} as the logit of token {id}; only finite numbers can be sampled.");
    }

    /// <summary>Begins with the tokens whose logits are not below <paramref name="lowest"/>, and gives their number.</summary>
    private int KeepAbove(ReadOnlySpan<float> logits, double lowest)
    {
        int kept = 0;
        for (int id = 0; id < logits.Length; id++)
            if (logits[id] >= lowest) _ids[kept++] = id;
        return kept;
    }

    /// <summary>Softmax without its denominator: weight = exp((logit - highest) / temperature). Gives the sum.</summary>
    private double Exponentiate(ReadOnlySpan<float> logits, int count, float highest, double temperature)
    {
        for (int i = 0; i < count; i++) _weights[i] = ((double)logits[_ids[i]] - highest) / temperature;
        Span<double> weights = _weights.AsSpan(0, count);
        TensorPrimitives.Exp(weights, weights);
        return Sum(count);
    }

    private double Sum(int count)
    {
        double sum = 0;
        for (int i = 0; i < count; i++) sum += _weights[i];
        return sum;
    }

    /// <summary>
    /// Keeps the fewest candidates of highest logits whose weights reach <paramref name="target"/>, in order of id, and gives their number.
    /// A radix select: the lowest logit that stays is found digit by digit, so time is linear whatever the logits are.
    /// </summary>
    private int KeepHighest(ReadOnlySpan<float> logits, int count, double target)
    {
        uint lowest = 0, known = 0;
        foreach (int shift in DigitShifts)
        {
            Array.Clear(_weightOfDigit);
            for (int i = 0; i < count; i++)
            {
                uint key = SortKey(logits[_ids[i]]);
                if ((key & known) == lowest) _weightOfDigit[key >> shift & (Digits - 1)] += _weights[i];
            }

            lowest |= HighestDigitToReach(ref target) << shift;
            known |= (uint)(Digits - 1) << shift;
            count = DropBelow(logits, count, lowest, known);
        }

        return DropTies(logits, count, lowest, target);
    }

    /// <summary>Goes down the digits until the target is reached; takes the weight of the digits above off the target.</summary>
    private uint HighestDigitToReach(ref double target)
    {
        // Where rounding keeps the sum below the target, the lowest digit with any weight is the one.
        int last = _weightOfDigit.AsSpan().IndexOfAnyExcept(0.0);
        int digit = Digits - 1;
        for (; digit > last && _weightOfDigit[digit] < target; digit--) target -= _weightOfDigit[digit];
        return (uint)digit;
    }

    /// <summary>Keeps the candidates whose known bits are not below <paramref name="lowest"/>.</summary>
    private int DropBelow(ReadOnlySpan<float> logits, int count, uint lowest, uint known)
    {
        int kept = 0;
        for (int i = 0; i < count; i++)
            if ((SortKey(logits[_ids[i]]) & known) >= lowest) Keep(i, ref kept);
        return kept;
    }

    /// <summary>Keeps all candidates above <paramref name="lowest"/>, and those equal to it until <paramref name="target"/> is reached.</summary>
    private int DropTies(ReadOnlySpan<float> logits, int count, uint lowest, double target)
    {
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            if (SortKey(logits[_ids[i]]) == lowest)
            {
                if (target <= 0) continue;
                target -= _weights[i];
            }

            Keep(i, ref kept);
        }

        return kept;
    }

    private void Keep(int candidate, ref int kept)
    {
        (_ids[kept], _weights[kept]) = (_ids[candidate], _weights[candidate]);
        kept++;
    }

    /// <summary>The candidate at which the running sum of weights, highest logit first, passes <paramref name="point"/>: the last of the fewest that do.</summary>
    private int Draw(ReadOnlySpan<float> logits, int count, double point)
    {
        count = KeepHighest(logits, count, Math.BitIncrement(point));
        int last = 0;
        for (int i = 1; i < count; i++)
            if (logits[_ids[i]] <= logits[_ids[last]]) last = i;
        return _ids[last];
    }

    /// <summary>An unsigned number that orders as the float does; 0 and -0 are alike.</summary>
    private static uint SortKey(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value + 0f);
        return (bits & 0x80000000) == 0 ? bits | 0x80000000 : ~bits;
    }
}
