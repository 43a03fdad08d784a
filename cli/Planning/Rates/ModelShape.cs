using Gemma2.Backend.Model;
using Gemma2.Backend.Serving;
using Gemma2.Backend.Weights;

namespace Gemma2.Cli.Planning.Rates;

/// <summary>The sizes of a published Gemma 2 model. Source: arXiv:2408.00118, table 1, and the config.json files of the published models.</summary>
/// <param name="Name">As people call it: 2b, 9b, 27b.</param>
/// <param name="Config">Its configuration.</param>
internal sealed record ModelShape(string Name, Gemma2Config Config)
{
    /// <summary>The three models.</summary>
    public static IReadOnlyList<ModelShape> All { get; } =
    [
        Of("2b", hidden: 2304, intermediate: 9216, layers: 26, heads: 8, keyValueHeads: 4, head: 256, queryScalar: 256),
        Of("9b", hidden: 3584, intermediate: 14_336, layers: 42, heads: 16, keyValueHeads: 8, head: 256, queryScalar: 256),
        Of("27b", hidden: 4608, intermediate: 36_864, layers: 46, heads: 32, keyValueHeads: 16, head: 128, queryScalar: 144),
    ];

    /// <summary>Numbers in all matrices of all layers: each is multiplied once for every token.</summary>
    public long LayerParameters => Config.LayerCount * Config.HiddenSize
        * ((2L * Config.HeadDimension * (Config.HeadCount + Config.KeyValueHeadCount)) + (3L * Config.IntermediateSize));

    /// <summary>Numbers in the embedding, which is the output matrix too: multiplied for every token that is sampled.</summary>
    public long EmbeddingParameters => (long)Config.VocabularySize * Config.HiddenSize;

    /// <summary>Numbers in the norms: four a layer and the last one.</summary>
    public long NormParameters => ((4L * Config.LayerCount) + 1) * Config.HiddenSize;

    /// <summary>All of them.</summary>
    public long Parameters => LayerParameters + EmbeddingParameters + NormParameters;

    /// <summary>Device memory of the weights; norms are kept as float32.</summary>
    public long WeightBytes(WeightFormat format) => format.Bytes(LayerParameters + EmbeddingParameters) + (NormParameters * sizeof(float));

    /// <summary>Device memory of the keys and values of one sequence.</summary>
    public long CacheBytes(int tokens, KvCacheType type) => MemoryEstimate.Of(Config, [], tokens, type).KvCacheBytes;

    private static ModelShape Of(
        string name, int hidden, int intermediate, int layers, int heads, int keyValueHeads, int head, double queryScalar) => new(name, new Gemma2Config
        {
            VocabularySize = 256_000,
            HiddenSize = hidden,
            IntermediateSize = intermediate,
            LayerCount = layers,
            HeadCount = heads,
            KeyValueHeadCount = keyValueHeads,
            HeadDimension = head,
            QueryPreAttentionScalar = queryScalar,
            SlidingWindow = 4096,
            MaxPositions = 8192,
            AttentionSoftcap = 50,
            FinalSoftcap = 30,
            RmsNormEpsilon = 1e-6,
            RopeTheta = 10_000,
        });
}
