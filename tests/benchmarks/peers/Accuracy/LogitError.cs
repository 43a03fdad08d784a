using Gemma2.Benchmarks.Sides;
using Gemma2.Benchmarks.Sides.Workers;

namespace Gemma2.Benchmarks.Peers.Accuracy;

/// <summary>How far the logits of both sides are from double precision on one file.</summary>
/// <param name="Model">Name of the file.</param>
/// <param name="Peer">Which peer.</param>
/// <param name="KvCache">How both kept keys and values.</param>
/// <param name="Prompts">Number of prompts.</param>
/// <param name="LargestLogit">The largest expected logit, for scale.</param>
/// <param name="Ours">Our error.</param>
/// <param name="Theirs">Their error.</param>
internal sealed record LogitError(string Model, string Peer, string KvCache, int Prompts, double LargestLogit, ErrorSize Ours, ErrorSize Theirs)
{
    /// <summary>Our root mean square error as a share of theirs.</summary>
    public double Ratio => Ours.RootMeanSquare / Theirs.RootMeanSquare;

    /// <summary>Our largest error as a share of theirs.</summary>
    public double LargestRatio => Ours.Largest / Theirs.Largest;

    /// <summary>Measures both sides.</summary>
    public static async Task<LogitError> MeasureAsync(string name, string model, string peer, SideOptions options, IReadOnlyList<ExpectedLogits> expected) => new(
        name,
        peer,
        options.KvCache,
        expected.Count,
        expected.Max(prompt => prompt.Logits.Max(Math.Abs)),
        await SizeAsync(SideName.Ours, model, options, expected),
        await SizeAsync(peer, model, options, expected));

    private static async Task<ErrorSize> SizeAsync(string side, string model, SideOptions options, IReadOnlyList<ExpectedLogits> expected)
    {
        await using Worker worker = await Worker.StartAsync(side, model, options);
        var errors = new List<double>();
        foreach (ExpectedLogits prompt in expected)
        {
            float[] logits = await worker.LogitsAsync(prompt.Tokens);
            if (logits.Length != prompt.Logits.Length) throw new InvalidOperationException($"{side} gives {logits.Length} logits, {prompt.Logits.Length} are expected.");
            errors.AddRange(logits.Zip(prompt.Logits, (logit, exact) => Math.Abs(logit - exact)));
        }
        return new ErrorSize(errors.Max(), Math.Sqrt(errors.Average(error => error * error)));
    }
}

/// <summary>The size of an error over all logits of all prompts.</summary>
/// <param name="Largest">Largest absolute difference.</param>
/// <param name="RootMeanSquare">Root of the mean square.</param>
internal sealed record ErrorSize(double Largest, double RootMeanSquare);
