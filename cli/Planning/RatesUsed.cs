using Gemma2.Cli.Planning.Rates;
using Gemma2.Cli.Planning.Simulation;

namespace Gemma2.Cli.Planning;

/// <summary>The rates of a plan, and how far they can be trusted.</summary>
/// <param name="Table">The rates.</param>
/// <param name="Source">Where they are from, in a few words.</param>
/// <param name="Caution">What the reader of the answer must know about them.</param>
internal sealed record RatesUsed(RateTable Table, string Source, string Caution)
{
    private const string Advice = "Measure, then give --rates.";

    /// <summary>Rates of a file.</summary>
    public static RatesUsed Of(RatesFile file) => file.IsMeasured
        ? new(file.Table, $"measured on {file.Device}", $"The rates were measured on {file.Device}, as their file says.")
        : new(file.Table, $"assumed for {file.Device}", $"NOT MEASURED: the rates are an assumption for {file.Device}, as their file says. {Advice}");

    /// <summary>Rates that somebody states.</summary>
    public static RatesUsed Given(double promptRate, double decodeRate) => new(
        RateTable.Constant(promptRate, decodeRate),
        "given",
        "The rates are prompt_rate and decode_rate as given, the same for any number of sequences; whether anybody measured them is not known here.");

    /// <summary>Rates that follow from what the GPU's maker publishes.</summary>
    public static RatesUsed Bound(Roofline roofline, RequestLengths lengths, int sequences)
    {
        string share = Figures.Percent(roofline.Efficiency);
        return new RatesUsed(
            roofline.Table(sequences, lengths.PromptTokens, lengths.PromptTokens + (lengths.NewTokens / 2)),
            $"{share} of the bound, not measured",
            $"NOT MEASURED: the rates are {share} (efficiency) of the bound that the published memory bandwidth and arithmetic of {roofline.Gpu.FullName} set. "
                + $"No engine reaches the bound itself: against it waits, GPU-hours and costs are higher. {Advice}");
    }
}
