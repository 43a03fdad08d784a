using Gemma2.Backend.Config;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>Reads a model's configuration from a GGUF file's metadata.</summary>
internal static class GgufConfig
{
    private const double LargestSoftcap = 1e6;

    // Of all published models.
    private const int Window = 4096;
    private const int AttentionSoftcap = 50;
    private const int FinalSoftcap = 30;

    /// <summary>The layers of 27B. The metadata does not have the scale of queries: it is 27B's only where the layers are as many.</summary>
    private const int LayersOf27B = 46;

    /// <summary>Reads the configuration. The sizes of the model are required; what else is missing has the format's default, or Gemma 2's.</summary>
    /// <param name="keys">The metadata.</param>
    /// <param name="vocabulary">The model's vocabulary; null where the file has none.</param>
    /// <param name="tensors">The model's tensors: the embedding has a row for each token.</param>
    /// <param name="notes">Takes what was taken for granted.</param>
    /// <exception cref="ModelException">Names the key, its value and what is allowed.</exception>
    public static Gemma2Config Read(GgufMetadata keys, GemmaTokenizer? vocabulary, IEnumerable<TensorEntry> tensors, ICollection<string> notes)
    {
        RequirePositionsAsTheyAre(keys);
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
            Layers = LayerConfig.Alternating(layers, keys.Integer(GgufKeys.SlidingWindow, 1, 1 << 20, byDefault: Window)),
            HeadCount = heads,
            KeyValueHeadCount = keys.Integer(GgufKeys.KeyValueHeadCount, 1, 1024, byDefault: heads),
            HeadDimension = head,
            QueryPreAttentionScalar = layers == LayersOf27B ? (double)hidden / heads : head,
            MaxPositions = keys.Integer(GgufKeys.ContextLength, 1, 1 << 20, byDefault: 8192),
            AttentionSoftcap = keys.Number(GgufKeys.AttentionSoftcap, 0, LargestSoftcap, byDefault: AttentionSoftcap),
            FinalSoftcap = keys.Number(GgufKeys.FinalSoftcap, 0, LargestSoftcap, byDefault: FinalSoftcap),
            RmsNormEpsilon = keys.Number(GgufKeys.RmsNormEpsilon, 1e-12, 1, byDefault: 1e-6),
            RopeTheta = keys.Number(GgufKeys.RopeBase, 1, 1e12, byDefault: 10000),
            BeginToken = keys.Integer(GgufKeys.BeginToken, 0, tokens - 1, byDefault: 2),
            EndTokens = EndTokens.Of(NamedEnds(keys, tokens), vocabulary, tokens),
        };

        if (config.HeadCount % config.KeyValueHeadCount != 0)
            throw keys.Error(GgufKeys.HeadCount, $"a multiple of {GgufKeys.KeyValueHeadCount}, which is {config.KeyValueHeadCount}");
        if (head % 2 != 0) throw keys.Error(GgufKeys.KeyLength, "an even number: the rotary embedding turns pairs");
        keys.Integer(GgufKeys.ValueLength, head, head, byDefault: head);
        Note(keys, notes);
        return config;
    }

    /// <summary>Refuses another model than Gemma 2, whose tensors and vocabulary need not be looked at.</summary>
    /// <exception cref="ModelException">Says what it is, and what is allowed.</exception>
    public static void RequireGemma2(GgufMetadata keys)
    {
        string? kind = keys.Text(GgufKeys.Kind);
        if (kind is not (null or "model"))
            throw keys.Refusal(GgufKeys.Kind, $"{(kind == "adapter" ? ": it changes a model, and is given beside that model, with --lora" : "")}; allowed is \"model\".");
        string? architecture = keys.Text(GgufKeys.Architecture);
        if (architecture != ModelKinds.Gemma2) throw keys.Refusal(GgufKeys.Architecture, ModelKinds.Refusal(architecture));
    }

    /// <summary>Refuses positions that are stretched; by a factor of 1 they are not.</summary>
    private static void RequirePositionsAsTheyAre(GgufMetadata keys)
    {
        string? scaling = keys.Text(GgufKeys.RopeScaling);
        if (scaling is not (null or "none" or "linear")) throw keys.Error(GgufKeys.RopeScaling, "\"none\"");
        if (keys.Has(GgufKeys.RopeScalingFactor) ? keys.Number(GgufKeys.RopeScalingFactor, 0, double.MaxValue, byDefault: 1) is not (0 or 1) : scaling == "linear")
            throw keys.Error(GgufKeys.RopeScalingFactor, "1");
    }

    /// <summary>The first converters for Gemma 2 did not write these.</summary>
    private static void Note(GgufMetadata keys, ICollection<string> notes)
    {
        (string Key, int Value)[] missing =
            [.. new[] { (GgufKeys.SlidingWindow, Window), (GgufKeys.AttentionSoftcap, AttentionSoftcap), (GgufKeys.FinalSoftcap, FinalSoftcap) }.Where(key => !keys.Has(key.Item1))];
        if (missing.Length > 0)
            notes.Add($"{keys.Label} has no {string.Join(", no ", missing.Select(key => key.Key))}: Gemma 2's {string.Join(", ", missing.Select(key => key.Value))} taken.");
    }

    private static int EmbeddingRows(IEnumerable<TensorEntry> tensors, GgufMetadata keys) =>
        tensors.FirstOrDefault(tensor => tensor.Name == TensorNames.Embedding) is { Shape: [> 0 and <= 1 << 20 and long rows, _] }
            ? (int)rows
            : throw keys.Error(GgufKeys.Tokens, "a vocabulary, or an embedding from whose rows its size follows");

    /// <summary>End of a text, of a turn and of a message.</summary>
    private static IEnumerable<int> NamedEnds(GgufMetadata keys, int tokens)
    {
        yield return keys.Integer(GgufKeys.EndToken, 0, tokens - 1, byDefault: 1);
        foreach (string key in (string[])[GgufKeys.EndOfTurnToken, GgufKeys.EndOfMessageToken])
            if (keys.Has(key)) yield return keys.Integer(key, 0, tokens - 1);
    }
}
