
namespace Gemma2.Backend.Config;

public sealed partial record Gemma2Config
{
    private const int EndOfTurn = 107;
    private const int DeepestNesting = 16;

    /// <summary>
    /// Reads Hugging Face's config.json of a model whose <c>model_type</c> is gemma2. The sizes of the model are required; what else is missing
    /// has Hugging Face's default. <c>&lt;end_of_turn&gt;</c> ends a generation even where the file does not say so.
    /// </summary>
    /// <param name="json">The file's bytes.</param>
    /// <param name="fileName">The file's name, for messages.</param>
    /// <exception cref="ModelException">Names the key, its value and what is allowed.</exception>
    public static Gemma2Config Parse(ReadOnlyMemory<byte> json, string fileName) =>
        ModelJson.Read(json, fileName, DeepestNesting, root => Read(new Gemma2ConfigKeys(root, fileName)));

    private static Gemma2Config Read(Gemma2ConfigKeys keys)
    {
        keys.Require("model_type", "gemma2");
        keys.RequireIfPresent("hidden_activation", "gelu_pytorch_tanh");
        keys.RequireIfPresent("tie_word_embeddings", true);
        keys.RequireIfPresent("attention_bias", false);
        keys.RequireIfPresent("use_bidirectional_attention", false);
        keys.RequireNull("rope_scaling");

        int vocabulary = keys.Integer("vocab_size", 1, 1 << 20);
        Gemma2Config config = new()
        {
            VocabularySize = vocabulary,
            HiddenSize = keys.Integer("hidden_size", 1, 1 << 16),
            IntermediateSize = keys.Integer("intermediate_size", 1, 1 << 20),
            Layers = keys.Layers("layer_types", keys.Integer("num_hidden_layers", 1, 1024), keys.Integer("sliding_window", 1, 1 << 20, byDefault: 4096)),
            HeadCount = keys.Integer("num_attention_heads", 1, 1024),
            KeyValueHeadCount = keys.Integer("num_key_value_heads", 1, 1024),
            HeadDimension = keys.Integer("head_dim", 2, 512, byDefault: 256),
            QueryPreAttentionScalar = keys.Number("query_pre_attn_scalar", 1e-3, 1e6),
            MaxPositions = keys.Integer("max_position_embeddings", 1, 1 << 20, byDefault: 8192),
            AttentionSoftcap = keys.Softcap("attn_logit_softcapping", byDefault: 50),
            FinalSoftcap = keys.Softcap("final_logit_softcapping", byDefault: 30),
            RmsNormEpsilon = keys.Number("rms_norm_eps", 1e-12, 1, byDefault: 1e-6),
            RopeTheta = keys.RopeTheta(),
            BeginToken = keys.Integer("bos_token_id", 0, vocabulary - 1, byDefault: 2),
            EndTokens = [.. keys.Tokens("eos_token_id", vocabulary, byDefault: 1).Concat(vocabulary > EndOfTurn ? [EndOfTurn] : []).Distinct()],
        };

        if (config.HeadCount % config.KeyValueHeadCount != 0)
            throw keys.Error("num_attention_heads", $"a multiple of num_key_value_heads, which is {config.KeyValueHeadCount}");
        if (config.HeadDimension % 2 != 0)
            throw keys.Error("head_dim", "an even number: the rotary embedding turns pairs");
        return config;
    }
}
