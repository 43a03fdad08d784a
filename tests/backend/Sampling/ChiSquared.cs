namespace Gemma2.Backend.Tests.Sampling;

/// <summary>Whether draws follow a distribution.</summary>
internal static class ChiSquared
{
    /// <param name="probabilities">The distribution, of at most ten outcomes.</param>
    /// <param name="counts">How often each came.</param>
    public static void AssertFollows(double[] probabilities, int[] counts)
    {
        int draws = counts.Sum();
        double chiSquare = 0;
        for (int id = 0; id < counts.Length; id++)
        {
            double expected = probabilities[id] * draws;
            if (expected == 0) Assert.Equal(0, counts[id]);
            else chiSquare += (counts[id] - expected) * (counts[id] - expected) / expected;
        }

        // At most 9 degrees of freedom: the chance of more than 27.9 is one in a thousand. The seed is fixed.
        Assert.InRange(chiSquare, 0, 27.9);
    }
}
