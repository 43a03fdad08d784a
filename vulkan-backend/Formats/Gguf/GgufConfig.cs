using Gemma2.Backend.Config;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>Reads a model's configuration from a GGUF file's metadata.</summary>
internal static class GgufConfig
{
    private const string Architecture = "gemma2";
    private const int EndOfTurn = 107;
    private const double LargestSoftcap = 1e6;

    /// <summary>The layers of 27B. The metadata does not have the scale of queries: it is 27B's only where the layers are as many.</summary>
    private const int LayersOf27B = 46;

    /// <summary>Reads the configuration. The sizes of the model are required; what else is missing has the format's default, or Gemma 2's.</summary>
    /// <param name="keys">The metadata.</param>
    /// <param name="vocabulary">The model's vocabulary; null where the file has none.</param>
    /// <param name="tensors">The model's tensors: the embedding has a row for each token.</param>
    /// <exception cref="ModelException">Names the key, its value and what is allowed.</exception>
    public static Gemma2Config Read(GgufMetadata keys, GemmaTokenizer? vocabulary, IEnumerable<TensorEntry> tensors)
    {
        if (keys.Text(GgufKeys.Architecture) != Architecture) throw keys.Error(GgufKeys.Architecture, $"\"{Architecture}\"");
        if (keys.Text(GgufKeys.RopeScaling) is not (null or "none")) throw keys.Error(GgufKeys.RopeScaling, "\"none\"");

        int hidden = keys.Integer(GgufKeys.EmbeddingLength, 1, 1 << 16);
        int layers = keys.Integer(GgufKeys.BlockCount, 1, 1024);
        int heads = keys.Integer(GgufKeys.HeadCount, 1, 1024);
        int head = keys.Integer(GgufKeys.KeyLength, 2, 512, byDefault: hidden / heads);
        int tokens = vocabulary?.VocabularySize ?? EmbeddingRows(tensors, keys);
        Gemma2Config config = new()
        {
            VocabularySize = tokens,
            HiddenSize = hidden,
            IntermediateSize = keys.Integer(GgufKeys.FeedForwardLength, 1, 1 << 20),
            Layers = LayerConfig.Alternating(layers, keys.Integer(GgufKeys.SlidingWindow, 1, 1 << 20, byDefault: 4096)),
            HeadCount = heads,
            KeyValueHeadCount = keys.Integer(GgufKeys.KeyValueHeadCount, 1, 1024, byDefault: heads),
            HeadDimension = head,
            QueryPreAttentionScalar = layers == LayersOf27B ? (double)hidden / heads : head,
            MaxPositions = keys.Integer(GgufKeys.ContextLength, 1, 1 << 20, byDefault: 8192),
            AttentionSoftcap = keys.Number(GgufKeys.AttentionSoftcap, 0, LargestSoftcap, byDefault: 50),
            FinalSoftcap = keys.Number(GgufKeys.FinalSoftcap, 0, LargestSoftcap, byDefault: 30),
            RmsNormEpsilon = keys.Number(GgufKeys.RmsNormEpsilon, 1e-12, 1, byDefault: 1e-6),
            RopeTheta = keys.Number(GgufKeys.RopeBase, 1, 1e12, byDefault: 10000),
            BeginToken = keys.Integer(GgufKeys.BeginToken, 0, tokens - 1, byDefault: 2),
            EndTokens = [.. EndTokens(keys, vocabulary, tokens).Distinct()],
        };

        if (config.HeadCount % config.KeyValueHeadCount != 0)
            throw keys.Error(GgufKeys.HeadCount, $"a multiple of {GgufKeys.KeyValueHeadCount}, which is {config.KeyValueHeadCount}");
        if (head % 2 != 0) throw keys.Error(GgufKeys.KeyLength, "an even number: the rotary embedding turns pairs");
        keys.Integer(GgufKeys.ValueLength, head, head, byDefault: head);
        return config;
    }

    private static int EmbeddingRows(IEnumerable<TensorEntry> tensors, GgufMetadata keys) =>
        tensors.FirstOrDefault(tensor => tensor.Name == TensorNames.Embedding) is { Shape: [> 0 and <= 1 << 20 and long rows, _] }
            ? (int)rows
            : throw keys.Error(GgufKeys.Tokens, "a vocabulary, or an embedding from whose rows its size follows");

    private static IEnumerable<int> EndTokens(GgufMetadata keys, GemmaTokenizer? vocabulary, int tokens)
    {
        yield return keys.Integer(GgufKeys.EndToken, 0, tokens - 1, byDefault: 1);
        if (keys.Has(GgufKeys.EndOfTurnToken)) yield return keys.Integer(GgufKeys.EndOfTurnToken, 0, tokens - 1);
        int endOfTurn = vocabulary?.EndOfTurn ?? EndOfTurn;
        if (endOfTurn < tokens) yield return endOfTurn;
    }
}
