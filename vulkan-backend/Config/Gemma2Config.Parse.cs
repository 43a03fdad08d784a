namespace Gemma2.Backend.Config;

public sealed partial record Gemma2Config
{
    private const int DeepestNesting = 16;

    /// <summary>The function between the matrices of the feed-forward block, by the names that it has: all are the same approximation by tanh.</summary>
    private static readonly string[] Activations = ["gelu_pytorch_tanh", "gelu_new", "gelu_fast", "gelu_accurate"];

    /// <summary>
    /// Reads Hugging Face's config.json of a model whose <c>model_type</c> is gemma2. The sizes of the model are required; what else is missing, or null, has Hugging Face's
    /// default. Keys that change nothing here are passed over. The end tokens are those that the file names.
    /// </summary>
    /// <param name="json">The file's bytes.</param>
    /// <param name="fileName">The file's name, for messages.</param>
    /// <param name="notes">Takes what was taken for granted; null: nobody wants to know.</param>
    /// <exception cref="ModelException">Names the key, its value and what is allowed.</exception>
    public static Gemma2Config Parse(ReadOnlyMemory<byte> json, string fileName, ICollection<string>? notes = null) =>
        ModelJson.Read(json, fileName, DeepestNesting, root => Read(TextModel(new Gemma2ConfigKeys(root, fileName)), notes ?? []));

    /// <summary>The keys of the model that writes text: some tools put them into an object of their own, as in models that also see.</summary>
    private static Gemma2ConfigKeys TextModel(Gemma2ConfigKeys keys)
    {
        RequireGemma2(keys);
        if (keys.Has("hidden_size") || keys.Object("text_config") is not { } text) return keys;
        RequireGemma2(text);
        return text;
    }

    private static void RequireGemma2(Gemma2ConfigKeys keys)
    {
        string? type = keys.Text("model_type");
        if (type != ModelKinds.Gemma2)
        {
            throw keys.Refusal("model_type", ModelKinds.Refusal(type switch
            {
                "paligemma" when keys.Object("text_config")?.Text("model_type") == ModelKinds.Gemma2 => ModelKinds.PaliGemma2,
                "gemma3_text" when keys.Flag("use_bidirectional_attention", byDefault: false) => ModelKinds.EmbeddingGemma,
                _ => type,
            }));
        }

        foreach (string architecture in keys.Texts("architectures"))
        {
            if (architecture is not ("Gemma2ForCausalLM" or "Gemma2Model"))
                throw new ModelException($"{keys.File}: architectures names {ModelJson.Show(architecture)}; allowed is Gemma2ForCausalLM: this engine writes text, and has no other head.");
        }
    }

    private static Gemma2Config Read(Gemma2ConfigKeys keys, ICollection<string> notes)
    {
        RequireSameArithmetic(keys);
        Note(keys, notes);
        int vocabulary = keys.Integer("vocab_size", 1, 1 << 20);
        Gemma2Config config = new()
        {
            VocabularySize = vocabulary,
            HiddenSize = keys.Integer("hidden_size", 1, 1 << 16),
            IntermediateSize = keys.Integer("intermediate_size", 1, 1 << 20),
            Layers = keys.Layers("layer_types", keys.Integer("num_hidden_layers", 1, 1024), Window(keys)),
            HeadCount = keys.Integer("num_attention_heads", 1, 1024),
            KeyValueHeadCount = keys.Integer("num_key_value_heads", 1, 1024, byDefault: 4),
            HeadDimension = keys.Integer("head_dim", 2, 512, byDefault: 256),
            QueryPreAttentionScalar = keys.Number("query_pre_attn_scalar", 1e-3, 1e6, byDefault: 256),
            MaxPositions = keys.Integer("max_position_embeddings", 1, 1 << 20, byDefault: 8192),
            AttentionSoftcap = keys.Softcap("attn_logit_softcapping", byDefault: 50),
            FinalSoftcap = keys.Softcap("final_logit_softcapping", byDefault: 30),
            RmsNormEpsilon = keys.Number("rms_norm_eps", 1e-12, 1, byDefault: 1e-6),
            RopeTheta = RopeKeys.Base(keys),
            TiesWordEmbeddings = keys.Flag("tie_word_embeddings", byDefault: true),
            BeginToken = keys.Token("bos_token_id", vocabulary, byDefault: 2),
            EndTokens = [.. keys.Tokens("eos_token_id", vocabulary, byDefault: 1).Distinct()],
        };

        if (config.HeadCount % config.KeyValueHeadCount != 0)
            throw keys.Error("num_attention_heads", $"a multiple of num_key_value_heads, which is {config.KeyValueHeadCount}");
        if (config.HeadDimension % 2 != 0)
            throw keys.Error("head_dim", "an even number: the rotary embedding turns pairs");
        return config;
    }

    /// <summary>The first published files say it twice; newer ones say it once.</summary>
    private static int Window(Gemma2ConfigKeys keys) =>
        keys.Integer("sliding_window", 1, 1 << 20, byDefault: keys.Integer("sliding_window_size", 1, 1 << 20, byDefault: 4096));

    /// <summary>Refuses what would compute something else than this engine does.</summary>
    private static void RequireSameArithmetic(Gemma2ConfigKeys keys)
    {
        RequireWeightsAsTheyAre(keys);
        keys.RequireIfPresent("hidden_activation", Activations);
        keys.RequireIfPresent("attention_bias", false);
        keys.RequireIfPresent("mlp_bias", false);
        keys.RequireIfPresent("use_bidirectional_attention", false);
        keys.RequireIfPresent("is_causal", true);
        keys.RequireIfPresent("is_encoder_decoder", false);
        keys.RequireIfPresent("add_cross_attention", false);
        keys.RequireIfPresent("sliding_window_pattern", 2);
    }

    private static void RequireWeightsAsTheyAre(Gemma2ConfigKeys keys)
    {
        foreach (string key in (string[])["quantization_config", "compression_config"])
        {
            if (keys.Object(key) is not { IsEmpty: false } quantized) continue;
            string method = quantized.Text("quant_method") is { } name ? $"the method \"{ModelJson.Show(name)}\"" : "no method";
            throw new ModelException(
                $"{keys.File}: {key} names {method}; weights of that kind are not read: take the model's own weights in bf16 or f16, which `gemma2 quantize` makes small, or a GGUF of it.");
        }
    }

    private static void Note(Gemma2ConfigKeys keys, ICollection<string> notes)
    {
        if (!keys.Has("query_pre_attn_scalar")) notes.Add($"{keys.File} has no query_pre_attn_scalar: 256 is taken, as in Hugging Face's library.");
        if (keys.Text("hidden_act") is { } other && !Activations.Contains(other))
            notes.Add($"{keys.File}: hidden_act is \"{ModelJson.Show(other)}\", which Gemma 2 does not go by: its activation is hidden_activation, {Activations[0]}.");
    }
}
