using Gemma2.Backend.Config;
using Gemma2.Backend.Engine;

namespace Gemma2.Cli.Planning.Rates;

/// <summary>The sizes of a published Gemma 2 model.</summary>
/// <param name="Name">As people call it: 2b, 9b, 27b.</param>
/// <param name="Config">Its configuration.</param>
internal sealed record ModelShape(string Name, Gemma2Config Config)
{
    /// <summary>The three models.</summary>
    public static IReadOnlyList<ModelShape> All { get; } = [.. Gemma2Shapes.Published.Select(shape => new ModelShape(shape.Key, shape.Value))];

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
    public long CacheBytes(int tokens, KvCacheType type) => MemoryEstimate.BytesRead(Config, tokens, type);
}
