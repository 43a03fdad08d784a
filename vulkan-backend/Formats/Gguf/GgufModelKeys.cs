using Gemma2.Backend.Config;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>
/// The metadata of a Gemma 2: what llama.cpp and <see cref="GgufKeys"/>' readers need to run it.
/// Source: https://github.com/ggml-org/llama.cpp, convert_hf_to_gguf.py, Gemma2Model.
/// </summary>
internal static class GgufModelKeys
{
    /// <summary>llama.cpp takes the scale of queries from the hidden size in the shape of 27B, which it knows by its layers.</summary>
    private const int LayersOf27B = 46;

    /// <summary>Version of the block formats.</summary>
    private const uint QuantizationVersion = 2;

    /// <summary>All keys and values of a file.</summary>
    /// <param name="config">The model's configuration.</param>
    /// <param name="vocabulary">Its vocabulary.</param>
    /// <param name="name">Its name.</param>
    /// <param name="type">How its matrices are stored.</param>
    /// <param name="sampling">How its makers want tokens picked; null where they do not say it.</param>
    /// <param name="chatTemplate">Its chat template, in Jinja; null for Gemma 2's own.</param>
    /// <exception cref="ModelException">The configuration says something for which GGUF has no key.</exception>
    public static IReadOnlyList<KeyValuePair<string, object>> Of(
        Gemma2Config config, Vocabulary vocabulary, string name, WeightType type, SamplingDefaults? sampling = null, string? chatTemplate = null)
    {
        Check(config, vocabulary, name);
        return
        [
            .. Describe(name, type), .. Shape(config), .. GgufVocabularyKeys.Of(config, vocabulary), new(GgufKeys.ChatTemplate, chatTemplate ?? GemmaTurns.Jinja),
            .. GgufSampling.Write(sampling ?? SamplingDefaults.None),
        ];
    }

    private static void Check(Gemma2Config config, Vocabulary vocabulary, string name)
    {
        double scalar = config.LayerCount == LayersOf27B ? (double)config.HiddenSize / config.HeadCount : config.HeadDimension;
        if (config.QueryPreAttentionScalar != scalar)
            throw new ModelException($"{name}: query_pre_attn_scalar is {config.QueryPreAttentionScalar}; in GGUF, which has no key for it, it must be {scalar}.");
        if (config.AttentionSoftcap == 0 || config.FinalSoftcap == 0)
            throw new ModelException($"{name}: has no softcap; GGUF files of Gemma 2 must have both.");
        if (config.Layers[0].Window is not int window || !config.Layers.SequenceEqual(LayerConfig.Alternating(config.LayerCount, window)))
            throw new ModelException($"{name}: its layer_types do not alternate; in GGUF, which has no key for them, every second layer from the first is sliding_attention.");
        if (vocabulary.Count != config.VocabularySize)
            throw new ModelException($"{name}: its vocabulary has {vocabulary.Count} pieces, its embedding {config.VocabularySize} rows.");
    }

    private static Dictionary<string, object> Describe(string name, WeightType type) => new()
    {
        [GgufKeys.Architecture] = "gemma2",
        ["general.type"] = "model",
        ["general.name"] = name,
        ["general.file_type"] = type.GgufFileType(),
        ["general.quantization_version"] = QuantizationVersion,
    };

    private static Dictionary<string, object> Shape(Gemma2Config config) => new()
    {
        [GgufKeys.ContextLength] = (uint)config.MaxPositions,
        [GgufKeys.EmbeddingLength] = (uint)config.HiddenSize,
        [GgufKeys.BlockCount] = (uint)config.LayerCount,
        [GgufKeys.FeedForwardLength] = (uint)config.IntermediateSize,
        [GgufKeys.HeadCount] = (uint)config.HeadCount,
        [GgufKeys.KeyValueHeadCount] = (uint)config.KeyValueHeadCount,
        [GgufKeys.KeyLength] = (uint)config.HeadDimension,
        [GgufKeys.ValueLength] = (uint)config.HeadDimension,
        [GgufKeys.RmsNormEpsilon] = (float)config.RmsNormEpsilon,
        [GgufKeys.SlidingWindow] = (uint)config.Layers[0].Window!,
        [GgufKeys.AttentionSoftcap] = (float)config.AttentionSoftcap,
        [GgufKeys.FinalSoftcap] = (float)config.FinalSoftcap,
        [GgufKeys.RopeBase] = (float)config.RopeTheta,
    };
}
