using System.Numerics;
using System.Runtime.InteropServices;

namespace Gemma2.Backend.Adapters;

/// <summary>
/// Sums of products in double precision. The product of two float32 numbers is exact there, and each sum runs over the rank in its order: so the same numbers give the
/// same bits on every machine, however wide its registers are and whether it multiplies and adds in one step.
/// </summary>
internal static class LowRankProduct
{
    // Sums that are kept in registers.
    private const int Registers = 4;

    /// <summary>Adds factor * left * right to a part of a row.</summary>
    /// <param name="sums">The part of the row.</param>
    /// <param name="left">A row of the left matrix: a number for each rank.</param>
    /// <param name="right">For each rank as many numbers as there are sums.</param>
    /// <param name="factor">What the sum over the rank is multiplied by.</param>
    public static void Add(Span<double> sums, ReadOnlySpan<double> left, ReadOnlySpan<double> right, double factor)
    {
        int width = Vector<double>.Count, at = 0;
        for (; at <= sums.Length - (Registers * width); at += Registers * width) AddVectors(sums[at..], left, right[at..], sums.Length, factor);
        for (; at < sums.Length; at++)
        {
            double sum = 0;
            for (int rank = 0; rank < left.Length; rank++) sum += left[rank] * right[(rank * sums.Length) + at];
            sums[at] += factor * sum;
        }
    }

    private static void AddVectors(Span<double> sums, ReadOnlySpan<double> left, ReadOnlySpan<double> right, int stride, double factor)
    {
        Vector<double> first = default, second = default, third = default, fourth = default;
        for (int rank = 0; rank < left.Length; rank++)
        {
            Vector<double> one = new(left[rank]);
            ReadOnlySpan<Vector<double>> row = MemoryMarshal.Cast<double, Vector<double>>(right.Slice(rank * stride, Registers * Vector<double>.Count));
            first += one * row[0];
            second += one * row[1];
            third += one * row[2];
            fourth += one * row[3];
        }
        Span<Vector<double>> target = MemoryMarshal.Cast<double, Vector<double>>(sums);
        target[0] += factor * first;
        target[1] += factor * second;
        target[2] += factor * third;
        target[3] += factor * fourth;
    }
}
