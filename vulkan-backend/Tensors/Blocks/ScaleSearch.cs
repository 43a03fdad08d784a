using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>
/// Finds the scale of a group of numbers that leaves the least squared error. The rounding is not smooth in the scale, so several first guesses are
/// rounded with; for each, linear regression gives the best scale for the levels that came out. Groups are whole vectors of 8, and sums run in the same
/// order on every machine. Source of the method: make_qx_quants, make_qkx2_quants and make_qkx3_quants in ggml-quants.c, https://github.com/ggml-org/ggml.
/// </summary>
internal static class ScaleSearch
{
    private const int GuessesEachSide = 10;

    /// <summary>Below this a group counts as zeros, so that no division overflows. Scales in binary16 end far above.</summary>
    private const float Smallest = 1e-15f;

    /// <summary>The scale of numbers around zero: number = scale * level. It may be negative; 0 for a group of zeros.</summary>
    /// <param name="values">The numbers.</param>
    /// <param name="weights">How much each number's squared error counts; empty: as the levels weigh by themselves.</param>
    public static float AroundZero<TLevels>(ReadOnlySpan<float> values, ReadOnlySpan<float> weights)
        where TLevels : ILevels
    {
        float extreme = values[TensorPrimitives.IndexOfMaxMagnitude(values)];
        if (MathF.Abs(extreme) < Smallest) return 0;

        float scale = 0, bestGain = 0;
        for (int guess = -GuessesEachSide; guess <= GuessesEachSide; guess++)
        {
            float inverse = (TLevels.Lowest + (guess * TLevels.SearchStep)) / extreme;
            (float levelsNumbers, float levelsSquared) = weights.IsEmpty ? Correlate<TLevels>(values, inverse) : Correlate<TLevels>(values, weights, inverse);
            // The best scale for these levels takes levelsNumbers^2 / levelsSquared off the sum of squared numbers.
            if (levelsSquared <= 0 || levelsNumbers * levelsNumbers <= bestGain * levelsSquared) continue;
            scale = levelsNumbers / levelsSquared;
            bestGain = levelsNumbers * scale;
        }
        return scale;
    }

    /// <summary>The scale and minimum of numbers of any place: number = scale * level + minimum, with levels 0 to <paramref name="highest"/>.</summary>
    /// <param name="values">The numbers.</param>
    /// <param name="importance">How much each number's squared error counts.</param>
    /// <param name="highest">The highest level.</param>
    /// <param name="minimumAboveZero">Whether the format can store a minimum above zero.</param>
    /// <param name="orWholeRange">
    /// Compare with the scale that spreads the levels from the lowest number to the highest, too. Where some numbers count a million times what others do, regression
    /// has no digits left for the others.
    /// </param>
    public static (float Scale, float Minimum) WithMinimum(
        ReadOnlySpan<float> values, ReadOnlySpan<float> importance, int highest, bool minimumAboveZero, bool orWholeRange = false)
    {
        float lowest = TensorPrimitives.Min(values), range = TensorPrimitives.Max(values);
        if (lowest > 0 && !minimumAboveZero) lowest = 0;
        range -= lowest;
        if (range < Smallest) return (0, lowest);

        // From here on numbers are counted from the lowest one, which loses nothing when they lie far from zero.
        Span<float> above = stackalloc float[values.Length], levels = stackalloc float[values.Length];
        TensorPrimitives.Subtract(values, lowest, above);
        ReadOnlySpan<Vector256<float>> x = Vectors(above), w = Vectors(importance);
        Span<Vector256<float>> l = MemoryMarshal.Cast<float, Vector256<float>>(levels);
        Vector256<float> sumW = default, sumX = default;
        for (int i = 0; i < x.Length; i++) (sumW, sumX) = (sumW + w[i], sumX + (w[i] * x[i]));
        float total = Vector256.Sum(sumW), totalX = Vector256.Sum(sumX);

        (float scale, float offset, float bestError) = (range / highest, 0, float.PositiveInfinity);
        if (orWholeRange)
        {
            for (int i = 0; i < x.Length; i++) l[i] = Vector256.Round(x[i] * (highest / range));
            bestError = SquaredError(x, w, l, scale, offset);
        }
        for (int guess = -GuessesEachSide; guess <= GuessesEachSide; guess++)
        {
            float inverse = (highest + (guess * 0.1f)) / range;
            Vector256<float> sumL = default, sumLL = default, sumLX = default;
            for (int i = 0; i < x.Length; i++)
            {
                l[i] = Vector256.Min(Vector256.Round(x[i] * inverse), Vector256.Create((float)highest));
                Vector256<float> wl = w[i] * l[i];
                (sumL, sumLL, sumLX) = (sumL + wl, sumLL + (wl * l[i]), sumLX + (wl * x[i]));
            }

            float totalL = Vector256.Sum(sumL), totalLL = Vector256.Sum(sumLL), totalLX = Vector256.Sum(sumLX);
            float determinant = (total * totalLL) - (totalL * totalL);
            if (determinant <= 0) continue;
            float slope = ((total * totalLX) - (totalX * totalL)) / determinant;
            float start = ((totalLL * totalX) - (totalL * totalLX)) / determinant;
            if (lowest + start > 0 && !minimumAboveZero) (start, slope) = (-lowest, (totalLX + (lowest * totalL)) / totalLL);

            if (SquaredError(x, w, l, slope, start) is var squaredError && squaredError < bestError) (scale, offset, bestError) = (slope, start, squaredError);
        }
        return (scale, lowest + offset);
    }

    private static float SquaredError(
        ReadOnlySpan<Vector256<float>> numbers, ReadOnlySpan<Vector256<float>> weights, ReadOnlySpan<Vector256<float>> levels, float slope, float start)
    {
        Vector256<float> sum = default;
        for (int i = 0; i < numbers.Length; i++)
        {
            Vector256<float> error = (levels[i] * slope) + Vector256.Create(start) - numbers[i];
            sum += weights[i] * error * error;
        }
        return Vector256.Sum(sum);
    }

    /// <summary>Sums of weight * level * number and of weight * level^2.</summary>
    private static (float LevelsNumbers, float LevelsSquared) Correlate<TLevels>(ReadOnlySpan<float> values, float inverse)
        where TLevels : ILevels
    {
        Vector256<float> levelsNumbers = default, levelsSquared = default;
        foreach (Vector256<float> x in Vectors(values))
        {
            Vector256<float> level = TLevels.Nearest(x * inverse);
            Vector256<float> weighted = TLevels.WeighBySquare ? level * x * x : level;
            levelsNumbers += weighted * x;
            levelsSquared += weighted * level;
        }
        return (Vector256.Sum(levelsNumbers), Vector256.Sum(levelsSquared));
    }

    private static (float LevelsNumbers, float LevelsSquared) Correlate<TLevels>(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, float inverse)
        where TLevels : ILevels
    {
        ReadOnlySpan<Vector256<float>> x = Vectors(values), w = Vectors(weights);
        Vector256<float> levelsNumbers = default, levelsSquared = default;
        for (int i = 0; i < x.Length; i++)
        {
            Vector256<float> level = TLevels.Nearest(x[i] * inverse), weighted = w[i] * level;
            levelsNumbers += weighted * x[i];
            levelsSquared += weighted * level;
        }
        return (Vector256.Sum(levelsNumbers), Vector256.Sum(levelsSquared));
    }

    private static ReadOnlySpan<Vector256<float>> Vectors(ReadOnlySpan<float> values) => MemoryMarshal.Cast<float, Vector256<float>>(values);
}
