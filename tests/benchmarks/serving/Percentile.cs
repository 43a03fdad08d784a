namespace Gemma2.Benchmarks.Serving;

/// <summary>What a share of all values does not exceed.</summary>
internal static class Percentile
{
    /// <summary>The smallest value that at least so many of a hundred do not exceed.</summary>
    /// <param name="values">At least one.</param>
    /// <param name="percent">More than 0, at most 100.</param>
    public static double Of(IEnumerable<double> values, double percent)
    {
        double[] sorted = [.. values.Order()];
        return sorted[(int)Math.Ceiling(sorted.Length * percent / 100) - 1];
    }
}
