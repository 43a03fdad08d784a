namespace Gemma2.Backend.Config;

/// <summary>
/// Configurations by name: those of the published models, and one that tests can afford.
/// Source: arXiv:2408.00118, table 1, and the config.json files of the published models.
/// </summary>
public static class Gemma2Shapes
{
    /// <summary>The three published models.</summary>
    public static IReadOnlyDictionary<string, Gemma2Config> Published { get; } = new Dictionary<string, Gemma2Config>
    {
        ["2b"] = Of(hidden: 2304, intermediate: 9216, layers: 26, heads: 8, keyValueHeads: 4, head: 256, queryScalar: 256),
        ["9b"] = Of(hidden: 3584, intermediate: 14_336, layers: 42, heads: 16, keyValueHeads: 8, head: 256, queryScalar: 256),
        ["27b"] = Of(hidden: 4608, intermediate: 36_864, layers: 46, heads: 32, keyValueHeads: 16, head: 128, queryScalar: 144),
    };

    /// <summary>A model of 2.6 million numbers. Its rows are whole blocks of every type, and its window is short.</summary>
    public static Gemma2Config Tiny { get; } = Of(hidden: 256, intermediate: 512, layers: 4, heads: 4, keyValueHeads: 2, head: 64, queryScalar: 64) with
    {
        VocabularySize = 1024,
        Layers = LayerConfig.Alternating(4, window: 64),
    };

    private static Gemma2Config Of(int hidden, int intermediate, int layers, int heads, int keyValueHeads, int head, double queryScalar) => new()
    {
        VocabularySize = 256_000,
        HiddenSize = hidden,
        IntermediateSize = intermediate,
        Layers = LayerConfig.Alternating(layers, window: 4096),
        HeadCount = heads,
        KeyValueHeadCount = keyValueHeads,
        HeadDimension = head,
        QueryPreAttentionScalar = queryScalar,
        MaxPositions = 8192,
        AttentionSoftcap = 50,
        FinalSoftcap = 30,
        RmsNormEpsilon = 1e-6,
        RopeTheta = 10_000,
    };
}
