using Gemma2.Backend.Config;
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

    /// <summary>Converters give this to what is not ranked by score.</summary>
    private const float UnrankedScore = -1000;

    /// <summary>All keys and values of a file.</summary>
    /// <param name="config">The model's configuration.</param>
    /// <param name="vocabulary">Its vocabulary.</param>
    /// <param name="name">Its name.</param>
    /// <param name="type">How its matrices are stored.</param>
    /// <exception cref="ModelException">The configuration says something for which GGUF has no key.</exception>
    public static IReadOnlyList<KeyValuePair<string, object>> Of(Gemma2Config config, Vocabulary vocabulary, string name, WeightType type)
    {
        Check(config, vocabulary, name);
        return [.. Describe(name, type), .. Shape(config), .. Tokens(config, vocabulary)];
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

    private static Dictionary<string, object> Tokens(Gemma2Config config, Vocabulary vocabulary)
    {
        Piece[] pieces = [.. Enumerable.Range(0, vocabulary.Count).Select(id => vocabulary[id])];
        return new Dictionary<string, object>
        {
            [GgufKeys.TokenizerModel] = "llama",
            ["tokenizer.ggml.pre"] = "default",
            // User-defined pieces are looked for in the text as it is, before spaces become U+2581.
            [GgufKeys.Tokens] = Array.ConvertAll(pieces, piece => piece.Type == PieceType.UserDefined ? piece.Text.Replace(Vocabulary.Space, ' ') : piece.Text),
            [GgufKeys.Scores] = Array.ConvertAll(pieces, piece => piece.Type is PieceType.Normal or PieceType.Byte ? piece.Score : UnrankedScore),
            [GgufKeys.TokenTypes] = Array.ConvertAll(pieces, piece => (int)(IsTurn(piece) ? PieceType.Control : piece.Type)),
            [GgufKeys.BeginToken] = (uint)config.BeginToken,
            [GgufKeys.EndToken] = (uint)vocabulary.Find("<eos>"),
            [GgufKeys.EndOfTurnToken] = (uint)vocabulary.Find("<end_of_turn>"),
            [GgufKeys.UnknownToken] = (uint)vocabulary.Find("<unk>"),
            ["tokenizer.ggml.padding_token_id"] = (uint)vocabulary.Find("<pad>"),
            ["tokenizer.ggml.add_bos_token"] = true,
            ["tokenizer.ggml.add_eos_token"] = false,
            [GgufKeys.AddSpacePrefix] = false,
            [GgufKeys.ChatTemplate] = GemmaTurns.Jinja,
        };
    }

    /// <summary>Converters call these control, as Hugging Face calls them special, and llama.cpp expects it.</summary>
    private static bool IsTurn(Piece piece) => piece.Text is "<start_of_turn>" or "<end_of_turn>";
}
