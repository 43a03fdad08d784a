using Gemma2.Backend.Engine;

namespace Gemma2.Cli.Planning.Rates;

/// <summary>
/// The rates that a GPU's published bandwidth and arithmetic allow at most: a step takes as long as reading its bytes or doing its arithmetic, whichever takes
/// longer. Source of the idea: Williams, Waterman, Patterson, "Roofline: an insightful visual performance model for multicore architectures", CACM 52(4), 2009.
/// </summary>
/// <param name="Gpu">The GPU.</param>
/// <param name="Model">The model.</param>
/// <param name="Format">How its matrices are stored.</param>
/// <param name="KvCache">How keys and values are kept.</param>
/// <param name="Efficiency">The share of the published peak that is reached; 1 for the bound itself.</param>
internal sealed record Roofline(Gpu Gpu, ModelShape Model, WeightFormat Format, KvCacheType KvCache, double Efficiency)
{
    private const double OperationsPerNumber = 2;

    /// <summary>Bytes that one decode step reads: all weights once, and the keys and values of every sequence.</summary>
    public double DecodeStepBytes(int sequences, int cachedTokens) =>
        Model.WeightBytes(Format) + ((double)sequences * Model.CacheBytes(cachedTokens, KvCache));

    /// <summary>New tokens a second, all sequences together.</summary>
    /// <param name="sequences">How many decode at once.</param>
    /// <param name="cachedTokens">Tokens of each that are in its cache.</param>
    public double DecodeRate(int sequences, int cachedTokens)
    {
        double arithmetic = OperationsPerNumber * (Model.LayerParameters + Model.EmbeddingParameters) * sequences / Gpu.PeakOperations;
        return Efficiency * sequences / Math.Max(DecodeStepBytes(sequences, cachedTokens) / Gpu.Bandwidth, arithmetic);
    }

    /// <summary>Prompt tokens a second: one pass over all weights for a whole prompt.</summary>
    /// <param name="promptTokens">The length of a prompt.</param>
    public double PromptRate(int promptTokens)
    {
        double arithmetic = OperationsPerNumber * Model.LayerParameters * promptTokens / Gpu.PeakOperations;
        return Efficiency * promptTokens / Math.Max(Model.WeightBytes(Format) / Gpu.Bandwidth, arithmetic);
    }

    /// <summary>The bound for every number of sequences up to <paramref name="mostSequences"/>.</summary>
    public RateTable Table(int mostSequences, int promptTokens, int cachedTokens)
    {
        double prompt = PromptRate(promptTokens);
        return new RateTable([.. Enumerable.Range(1, mostSequences).Select(n => new RatePoint(n, prompt, DecodeRate(n, cachedTokens)))]);
    }
}
