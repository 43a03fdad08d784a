using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>
/// How much the error of each number of a row counts where it is known what the row is multiplied with: the mean square of that, and more for numbers that are large
/// themselves. Source: the functions quantize_row_TYPE_impl in src/ggml-quants.c, https://github.com/ggml-org/ggml.
/// </summary>
internal static class ImportanceWeights
{
    /// <summary>importance * sqrt(share * mean of squares + number^2).</summary>
    /// <param name="row">The numbers.</param>
    /// <param name="importance">The importance of each.</param>
    /// <param name="run">So many numbers have a mean of squares of their own.</param>
    /// <param name="share">What it counts.</param>
    /// <param name="weights">Takes the weights.</param>
    public static void ByMagnitude(ReadOnlySpan<float> row, ReadOnlySpan<float> importance, int run, float share, Span<float> weights)
    {
        for (int first = 0; first < row.Length; first += run)
        {
            Span<float> those = weights[first..Math.Min(first + run, row.Length)];
            TensorPrimitives.Multiply(row.Slice(first, those.Length), row.Slice(first, those.Length), those);
            TensorPrimitives.Add(those, share * Sum(those) / those.Length, those);
            TensorPrimitives.Sqrt(those, those);
            TensorPrimitives.Multiply(those, importance.Slice(first, those.Length), those);
        }
    }

    /// <summary>The weights of a group of a block; none where there are none.</summary>
    public static ReadOnlySpan<float> OfGroup(ReadOnlySpan<float> weights, int group, int size) => weights.IsEmpty ? [] : weights.Slice(group * size, size);

    /// <summary>Adds up in one order on every machine.</summary>
    private static float Sum(ReadOnlySpan<float> numbers)
    {
        Vector256<float> sum = default;
        foreach (Vector256<float> eight in MemoryMarshal.Cast<float, Vector256<float>>(numbers)) sum += eight;
        return Vector256.Sum(sum);
    }
}
