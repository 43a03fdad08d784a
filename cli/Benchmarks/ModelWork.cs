using Gemma2.Backend.Config;
using Gemma2.Backend.Engine;
using Gemma2.Cli.Planning.Rates;

namespace Gemma2.Cli.Benchmarks;

/// <summary>What a step must at least read and compute.</summary>
/// <param name="Config">The model's numbers.</param>
/// <param name="WeightBytes">The weights as they lie in device memory: every step reads them once.</param>
/// <param name="KvCache">How keys and values are kept.</param>
internal sealed record ModelWork(Gemma2Config Config, long WeightBytes, KvCacheType KvCache)
{
    private const double OperationsPerNumber = 2;

    /// <summary>Bytes that one more token for each of several sequences reads: all weights once a pass, and the keys and values of each.</summary>
    /// <param name="sequences">Sequences, in as few passes as there can be.</param>
    /// <param name="cachedTokens">Tokens of each in its cache.</param>
    public long DecodeStepBytes(int sequences, int cachedTokens) =>
        (WeightBytes * ((sequences + InferenceEngine.SequencesPerPass - 1) / InferenceEngine.SequencesPerPass)) + (sequences * MemoryEstimate.BytesRead(Config, cachedTokens, KvCache));

    /// <summary>Multiplications and additions of a prompt: all matrices of the layers for each token, and scores and mixes of attention for each pair.</summary>
    public double PromptOperations(int tokens)
    {
        double matrices = OperationsPerNumber * new ModelShape("", Config).LayerParameters * tokens;
        double pairs = Config.Layers.Sum(layer => (double)VisiblePairs(tokens, layer.Window ?? tokens));
        return matrices + (2 * OperationsPerNumber * Config.HeadCount * Config.HeadDimension * pairs);
    }

    /// <summary>Pairs of a query and a key that it sees: itself and those before it, at most <paramref name="window"/> in all.</summary>
    private static long VisiblePairs(long tokens, long window)
    {
        long growing = Math.Min(tokens, window);
        return (growing * (growing + 1) / 2) + ((tokens - growing) * window);
    }
}
