namespace Gemma2.Cli.Planning.Rates;

/// <summary>How fast one replica is with so many sequences at once.</summary>
/// <param name="Sequences">Sequences worked on at once.</param>
/// <param name="PromptTokensPerSecond">Prompt tokens a second, all sequences together.</param>
/// <param name="DecodeTokensPerSecond">New tokens a second, all sequences together.</param>
internal readonly record struct RatePoint(int Sequences, double PromptTokensPerSecond, double DecodeTokensPerSecond);

/// <summary>
/// How fast one replica is, by the number of its sequences: measured points from one sequence up, straight lines between them. Past the last point more sequences
/// bring nothing more.
/// </summary>
/// <param name="Points">In ascending order of sequences, the first for one.</param>
internal sealed record RateTable(IReadOnlyList<RatePoint> Points)
{
    /// <summary>The same rates at any number of sequences.</summary>
    public static RateTable Constant(double promptRate, double decodeRate) => new([new RatePoint(1, promptRate, decodeRate)]);

    /// <summary>The rates at a number of sequences.</summary>
    public RatePoint At(int sequences)
    {
        RatePoint below = Points[0];
        foreach (RatePoint point in Points)
        {
            if (point.Sequences >= sequences) return Between(below, point, sequences);
            below = point;
        }
        return below with { Sequences = sequences };
    }

    private static RatePoint Between(RatePoint below, RatePoint above, int sequences)
    {
        if (above.Sequences == below.Sequences) return above;
        double share = (double)(sequences - below.Sequences) / (above.Sequences - below.Sequences);
        return new RatePoint(
            sequences,
            double.Lerp(below.PromptTokensPerSecond, above.PromptTokensPerSecond, share),
            double.Lerp(below.DecodeTokensPerSecond, above.DecodeTokensPerSecond, share));
    }
}
