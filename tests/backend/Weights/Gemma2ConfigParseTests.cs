using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gemma2.Backend.Config;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Weights;

public sealed class Gemma2ConfigParseTests
{
    /// <summary>The 27B model's file as published, less the keys that say nothing about its arithmetic.</summary>
    private const string Published27B =
        """
        {
          "architectures": ["Gemma2ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "attn_logit_softcapping": 50.0, "bos_token_id": 2,
          "cache_implementation": "hybrid", "eos_token_id": 1, "final_logit_softcapping": 30.0, "head_dim": 128, "hidden_act": "gelu_pytorch_tanh",
          "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 4608, "initializer_range": 0.02, "intermediate_size": 36864,
          "max_position_embeddings": 8192, "model_type": "gemma2", "num_attention_heads": 32, "num_hidden_layers": 46, "num_key_value_heads": 16,
          "pad_token_id": 0, "query_pre_attn_scalar": 144, "rms_norm_eps": 1e-06, "rope_theta": 10000.0, "sliding_window": 4096,
          "torch_dtype": "float32", "use_cache": true, "vocab_size": 256000
        }
        """;

    [Fact]
    public void Parse_Published27B_GivesItsNumbers()
    {
        Gemma2Config config = Parse(Published27B);
        Assert.Equal((256000, 4608, 36864, 46), (config.VocabularySize, config.HiddenSize, config.IntermediateSize, config.LayerCount));
        Assert.Equal((32, 16, 128, 144.0), (config.HeadCount, config.KeyValueHeadCount, config.HeadDimension, config.QueryPreAttentionScalar));
        Assert.Equal((4096, 8192, 50.0, 30.0), (config.Layers[0].Window, config.MaxPositions, config.AttentionSoftcap, config.FinalSoftcap));
        Assert.Equal((1e-6, 10000.0, 2), (config.RmsNormEpsilon, config.RopeTheta, config.BeginToken));
        Assert.Equal([1], config.EndTokens);
        Assert.True(config.TiesWordEmbeddings);
    }

    [Fact]
    public void Parse_OnlyTheSizes_TakesHuggingFacesDefaults()
    {
        string[] defaulted =
        [
            "head_dim", "sliding_window", "max_position_embeddings", "attn_logit_softcapping", "final_logit_softcapping", "rms_norm_eps", "rope_theta",
            "bos_token_id", "eos_token_id", "hidden_activation", "attention_bias", "num_key_value_heads", "query_pre_attn_scalar",
        ];
        foreach (string json in (string[])[Changed(root => Array.ForEach(defaulted, key => root.Remove(key))), Changed(root => Array.ForEach(NotSoftcaps(defaulted), key => root[key] = null))])
            AssertDefaults(Parse(json));
    }

    private static string[] NotSoftcaps(string[] keys) => [.. keys.Where(key => !key.Contains("softcap", StringComparison.Ordinal))];

    private static void AssertDefaults(Gemma2Config config)
    {
        Assert.Equal((4, 256.0), (config.KeyValueHeadCount, config.QueryPreAttentionScalar));
        Assert.Equal((256, 4096, 8192, 50.0, 30.0), (config.HeadDimension, config.Layers[0].Window, config.MaxPositions, config.AttentionSoftcap, config.FinalSoftcap));
        Assert.Equal((1e-6, 10000.0, 2), (config.RmsNormEpsilon, config.RopeTheta, config.BeginToken));
        Assert.Equal([1], config.EndTokens);
        Assert.True(config.TiesWordEmbeddings);
    }

    [Theory, MemberData(nameof(GoldenModels.All), MemberType = typeof(GoldenModels))]
    public void Parse_EveryGoldenModel_IsAccepted(string name) =>
        Assert.Equal([1], Gemma2Config.Parse(File.ReadAllBytes(Path.Combine(GoldenModels.Open(name).Folder, "config.json")), name).EndTokens);

    [Fact]
    public void Parse_SoftcapsOfNull_AreOff()
    {
        Gemma2Config config = Parse(With("attn_logit_softcapping", "null", With("final_logit_softcapping", "null")));
        Assert.Equal((0.0, 0.0), (config.AttentionSoftcap, config.FinalSoftcap));
    }

    [Theory]
    [InlineData("1", "1"), InlineData("null", "1"), InlineData("[1, 107]", "1,107"), InlineData("[107]", "107"), InlineData("[5, 1, 5]", "5,1"), InlineData("[]", ""), InlineData("107.0", "107")]
    public void Parse_EndTokens_AreOneOrSeveral(string value, string expected) =>
        Assert.Equal(expected, string.Join(',', Parse(With("eos_token_id", value)).EndTokens));

    [Theory, InlineData("2"), InlineData("null"), InlineData("[2]")]
    public void Parse_BeginToken_IsOne(string value) => Assert.Equal(2, Parse(With("bos_token_id", value)).BeginToken);

    [Theory]
    [InlineData("rope_parameters", """{"rope_type": "default", "rope_theta": 5000.0}""")]
    [InlineData("rope_parameters", """{"rope_theta": 5000, "rope_type": null, "factor": null, "partial_rotary_factor": 1.0}""")]
    [InlineData("rope_parameters", """{"sliding_attention": {"rope_theta": 5000}, "full_attention": {"rope_theta": 5000.0, "rope_type": "default"}}""")]
    [InlineData("rope_scaling", """{"type": "default", "rope_theta": 5000}""")]
    [InlineData("rope_theta", "5e3")]
    public void Parse_RopeBase_IsReadWhereverItIs(string key, string value) => Assert.Equal(5000, Parse(With(key, value)).RopeTheta);

    [Theory]
    [InlineData("rope_scaling", "null"), InlineData("rope_scaling", "{}"), InlineData("rope_scaling", """{"rope_type": "default"}"""), InlineData("rope_scaling", """{"type": "default"}""")]
    [InlineData("rope_scaling", """{"rope_type": "linear", "factor": 1.0}"""), InlineData("rope_parameters", "null"), InlineData("rope_parameters", "{}")]
    [InlineData("rope_parameters", """{"sliding_attention": {}, "full_attention": null}"""), InlineData("partial_rotary_factor", "1.0"), InlineData("rope_local_base_freq", "10000")]
    [InlineData("use_bidirectional_attention", "null"), InlineData("use_bidirectional_attention", "false"), InlineData("attention_bias", "null"), InlineData("mlp_bias", "false")]
    [InlineData("is_encoder_decoder", "false"), InlineData("add_cross_attention", "false"), InlineData("is_causal", "true"), InlineData("sliding_window_pattern", "2")]
    [InlineData("hidden_activation", "null"), InlineData("hidden_activation", "\"gelu_new\""), InlineData("hidden_act", "\"gelu\""), InlineData("hidden_act", "null")]
    [InlineData("tie_word_embeddings", "null"), InlineData("layer_types", "null"), InlineData("quantization_config", "null"), InlineData("quantization_config", "{}")]
    [InlineData("architectures", "null"), InlineData("architectures", "[]"), InlineData("architectures", """["Gemma2Model"]"""), InlineData("hidden_size", "4608.0"), InlineData("hidden_size", "4.608e3")]
    [InlineData("sliding_window_size", "4096"), InlineData("sliding_window", "null"), InlineData("text_config", "{}"), InlineData("num_attention_heads", "32.0")]
    [InlineData("dtype", "\"bfloat16\""), InlineData("_attn_implementation", "\"eager\""), InlineData("attention_dropout", "0.1"), InlineData("use_cache", "false"), InlineData("unsloth_fixed", "true")]
    public void Parse_WhatChangesNothing_ChangesNothing(string key, string value) =>
        Assert.Equivalent(Parse(Published27B), Parse(With(key, value)), strict: true);

    [Fact]
    public void Parse_FileOfNewerTools_IsAsThePublishedOne()
    {
        string newer = Changed(root =>
        {
            foreach (string key in (string[])["rope_theta", "torch_dtype", "hidden_act", "cache_implementation"]) root.Remove(key);
            root["dtype"] = "bfloat16";
            root["layer_types"] = new JsonArray([.. Enumerable.Range(0, 46).Select(layer => JsonValue.Create(layer % 2 == 0 ? "sliding_attention" : "full_attention"))]);
            root["rope_parameters"] = new JsonObject { ["rope_theta"] = 10000.0, ["rope_type"] = "default" };
            root["use_bidirectional_attention"] = null;
            root["tie_word_embeddings"] = true;
            root["transformers_version"] = "5.2.0";
        });
        Assert.Equivalent(Parse(Published27B), Parse(newer), strict: true);
    }

    [Fact]
    public void Parse_TextModelOfItsOwn_IsRead() => Assert.Equivalent(
        Parse(Published27B), Parse(new JsonObject { ["model_type"] = "gemma2", ["text_config"] = JsonNode.Parse(Published27B) }.ToJsonString()), strict: true);

    [Fact]
    public void Parse_WindowOfTheFirstFiles_IsRead() =>
        Assert.Equal(512, Parse(Changed(root => (root["sliding_window"], root["sliding_window_size"]) = (null, 512))).Layers[0].Window);

    [Fact]
    public void Parse_OutputMatrixOfItsOwn_IsSaid() => Assert.False(Parse(With("tie_word_embeddings", "false")).TiesWordEmbeddings);

    [Fact]
    public void Parse_MarkOfAnEditor_IsPassedOver() =>
        Assert.Equivalent(Parse(Published27B), Parse($"\uFEFF{Published27B}"), strict: true);

    [Fact]
    public void Parse_WhatIsTakenForGranted_IsNoted()
    {
        List<string> notes = [];
        Gemma2Config.Parse(Encoding.UTF8.GetBytes(Changed(root => (root["query_pre_attn_scalar"], root["hidden_act"]) = (null, "gelu"))), "config.json", notes);
        Assert.Equal(
        [
            "config.json has no query_pre_attn_scalar: 256 is taken, as in Hugging Face's library.",
            "config.json: hidden_act is \"gelu\", which Gemma 2 does not go by: its activation is hidden_activation, gelu_pytorch_tanh.",
        ], notes);

        notes.Clear();
        Gemma2Config.Parse(Encoding.UTF8.GetBytes(Published27B), "config.json", notes);
        Assert.Empty(notes);
    }

    [Fact]
    public void Parse_NoLayerTypes_GivesEverySecondLayerFromTheFirstAWindow() =>
        Assert.Equal([4096, null, 4096], Parse(With("num_hidden_layers", "3")).Layers.Select(layer => layer.Window));

    [Theory]
    [InlineData("sliding_attention", "full_attention", "sliding_attention")]
    [InlineData("full_attention", "full_attention", "sliding_attention")]
    [InlineData("full_attention", "full_attention", "full_attention")]
    public void Parse_LayerTypes_AreTheLayers(params string[] types) => Assert.Equal(
        types.Select(type => type == "sliding_attention" ? 4096 : (int?)null),
        Parse(With("layer_types", JsonSerializer.Serialize(types), With("num_hidden_layers", "3"))).Layers.Select(layer => layer.Window));

    [Theory]
    [InlineData("model_type", "7", "model_type is 7; allowed is a string.")]
    [InlineData("model_type", "\"llama\"", "model_type is \"llama\"; allowed is \"gemma2\": this engine runs Gemma 2 and what was made from it.")]
    [InlineData("model_type", "\"gemma\"", "model_type is \"gemma\": this is Gemma 1; allowed is \"gemma2\": this engine runs")]
    [InlineData("model_type", "\"gemma3\"", "model_type is \"gemma3\": this is Gemma 3; allowed is \"gemma2\"")]
    [InlineData("model_type", "\"gemma3_text\"", "model_type is \"gemma3_text\": this is Gemma 3; allowed is \"gemma2\"")]
    [InlineData("model_type", "\"gemma3n\"", "model_type is \"gemma3n\": this is Gemma 3n; allowed is \"gemma2\"")]
    [InlineData("model_type", "\"paligemma\"", "model_type is \"paligemma\": this is PaliGemma, which sees pictures; allowed is \"gemma2\"")]
    [InlineData("model_type", "\"t5gemma\"", "model_type is \"t5gemma\": this is T5Gemma, which has an encoder; allowed is \"gemma2\"")]
    [InlineData("model_type", "\"recurrent_gemma\"", "model_type is \"recurrent_gemma\": this is RecurrentGemma, which is no transformer; allowed is \"gemma2\"")]
    [InlineData("model_type", "\"shieldgemma2\"", "model_type is \"shieldgemma2\": this is ShieldGemma 2, which judges pictures;")]
    [InlineData("architectures", "[\"Gemma2ForSequenceClassification\"]", "architectures names Gemma2ForSequenceClassification; allowed is Gemma2ForCausalLM: this engine writes text, and has no other head.")]
    [InlineData("architectures", "\"Gemma2ForCausalLM\"", "architectures is \"Gemma2ForCausalLM\"; allowed is an array of strings.")]
    [InlineData("quantization_config", "{\"quant_method\": \"gptq\", \"bits\": 4}", "quantization_config names the method \"gptq\"; weights of that kind are not read: take the model's own weights in bf16 or f16,")]
    [InlineData("quantization_config", "{\"load_in_4bit\": true}", "quantization_config names no method; weights of that kind are not read")]
    [InlineData("hidden_activation", "\"silu\"", "hidden_activation is \"silu\"; allowed is \"gelu_pytorch_tanh\".")]
    [InlineData("hidden_activation", "\"gelu\"", "hidden_activation is \"gelu\"; allowed is \"gelu_pytorch_tanh\".")]
    [InlineData("tie_word_embeddings", "\"yes\"", "tie_word_embeddings is \"yes\"; allowed is true or false.")]
    [InlineData("use_bidirectional_attention", "true", "use_bidirectional_attention is true; allowed is false.")]
    [InlineData("is_causal", "false", "is_causal is false; allowed is true.")]
    [InlineData("sliding_window_pattern", "6", "sliding_window_pattern is 6; allowed is 2.")]
    [InlineData("partial_rotary_factor", "0.5", "partial_rotary_factor is 0.5; allowed is 1.")]
    [InlineData("bos_token_id", "[2, 3]", "bos_token_id is an array; allowed is one token id from 0 to 255999.")]
    [InlineData("attention_bias", "true", "attention_bias is true; allowed is false.")]
    [InlineData("use_bidirectional_attention", "\"yes\"", "use_bidirectional_attention is \"yes\"; allowed is false.")]
    [InlineData("rope_scaling", """{"type": "linear"}""", "rope_scaling: type is \"linear\"; allowed is \"default\".")]
    [InlineData("rope_scaling", """{"type": "linear", "factor": 2.0}""", "rope_scaling: factor is 2.0; allowed is 1.")]
    [InlineData("rope_scaling", """{"rope_type": "llama3", "factor": 8.0}""", "rope_scaling: rope_type is \"llama3\"; allowed is \"default\".")]
    [InlineData("rope_parameters", """{"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}}""", "rope_parameters: full_attention: rope_theta is 1e6; allowed is what the other layers have.")]
    [InlineData("rope_local_base_freq", "5000", "rope_local_base_freq is 5000; allowed is 10000.")]
    [InlineData("rope_parameters", "[]", "rope_parameters is an array; allowed is an object.")]
    [InlineData("rope_parameters", """{"rope_type": "yarn", "rope_theta": 1e4}""", "rope_parameters: rope_type is \"yarn\"; allowed is \"default\".")]
    [InlineData("layer_types", """["full_attention"]""", "layer_types is an array; allowed is an array of 46, each sliding_attention or full_attention.")]
    [InlineData("layer_types", "\"full_attention\"", "layer_types is \"full_attention\"; allowed is an array of 46, each sliding_attention or full_attention.")]
    [InlineData("vocab_size", "0", "vocab_size is 0; allowed is a whole number from 1 to 1048576.")]
    [InlineData("vocab_size", "1048577", "vocab_size is 1048577; allowed is")]
    [InlineData("hidden_size", "-1", "hidden_size is -1; allowed is a whole number from 1 to 65536.")]
    [InlineData("hidden_size", "4608.5", "hidden_size is 4608.5; allowed is")]
    [InlineData("hidden_size", "\"4608\"", "hidden_size is \"4608\"; allowed is")]
    [InlineData("hidden_size", "null", "hidden_size is null; allowed is")]
    [InlineData("intermediate_size", "99999999999999999999", "intermediate_size is 99999999999999999999; allowed is")]
    [InlineData("num_hidden_layers", "0", "num_hidden_layers is 0; allowed is a whole number from 1 to 1024.")]
    [InlineData("num_hidden_layers", "2147483647", "num_hidden_layers is 2147483647; allowed is")]
    [InlineData("num_attention_heads", "0", "num_attention_heads is 0; allowed is")]
    [InlineData("num_attention_heads", "31", "num_attention_heads is 31; allowed is a multiple of num_key_value_heads, which is 16.")]
    [InlineData("num_key_value_heads", "0", "num_key_value_heads is 0; allowed is")]
    [InlineData("num_key_value_heads", "64", "num_attention_heads is 32; allowed is a multiple of num_key_value_heads, which is 64.")]
    [InlineData("head_dim", "127", "head_dim is 127; allowed is an even number: the rotary embedding turns pairs.")]
    [InlineData("head_dim", "0", "head_dim is 0; allowed is a whole number from 2 to 512.")]
    [InlineData("head_dim", "514", "head_dim is 514; allowed is a whole number from 2 to 512.")]
    [InlineData("query_pre_attn_scalar", "0", "query_pre_attn_scalar is 0; allowed is a number from 0.001 to 1000000.")]
    [InlineData("query_pre_attn_scalar", "1e999", "query_pre_attn_scalar is 1e999; allowed is")]
    [InlineData("sliding_window", "0", "sliding_window is 0; allowed is")]
    [InlineData("max_position_embeddings", "[8192]", "max_position_embeddings is an array; allowed is")]
    [InlineData("attn_logit_softcapping", "0", "attn_logit_softcapping is 0; allowed is null (off) or a number above 0, at most 1000000.")]
    [InlineData("final_logit_softcapping", "-30", "final_logit_softcapping is -30; allowed is null (off)")]
    [InlineData("final_logit_softcapping", "\"off\"", "final_logit_softcapping is \"off\"; allowed is null (off)")]
    [InlineData("rms_norm_eps", "0", "rms_norm_eps is 0; allowed is a number from 1E-12 to 1.")]
    [InlineData("rope_theta", "0.5", "rope_theta is 0.5; allowed is a number from 1 to")]
    [InlineData("bos_token_id", "256000", "bos_token_id is 256000; allowed is a whole number from 0 to 255999.")]
    [InlineData("eos_token_id", "-1", "eos_token_id is -1; allowed is")]
    [InlineData("eos_token_id", "[1, 256000]", "eos_token_id is an array; allowed is a token id from 0 to 255999, or an array of at most 64 of them.")]
    [InlineData("eos_token_id", "[1, null]", "eos_token_id is an array; allowed is")]
    public void Parse_ValueThatIsNotAllowed_IsRefusedByName(string key, string value, string reason)
    {
        ModelException error = Assert.Throws<ModelException>(() => Parse(With(key, value)));
        Assert.StartsWith("config.json: " + reason, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"model_type": "paligemma", "text_config": {"model_type": "gemma2"}}""", "model_type is \"paligemma\": this is PaliGemma 2, which sees pictures; allowed is \"gemma2\"")]
    [InlineData("""{"model_type": "paligemma", "text_config": {"model_type": "gemma"}}""", "model_type is \"paligemma\": this is PaliGemma, which sees pictures; allowed is \"gemma2\"")]
    [InlineData("""{"model_type": "gemma3_text", "use_bidirectional_attention": true}""", "model_type is \"gemma3_text\": this is EmbeddingGemma, which writes no text; allowed is \"gemma2\"")]
    [InlineData("""{"model_type": "gemma2", "text_config": {"model_type": "gemma3_text"}}""", "text_config: model_type is \"gemma3_text\": this is Gemma 3; allowed is \"gemma2\"")]
    public void Parse_SisterModel_IsRefusedByWhatItIs(string json, string reason)
    {
        ModelException error = Assert.Throws<ModelException>(() => Parse(json));
        Assert.StartsWith("config.json: " + reason, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model_type"), InlineData("vocab_size"), InlineData("hidden_size"), InlineData("intermediate_size"), InlineData("num_hidden_layers")]
    [InlineData("num_attention_heads")]
    public void Parse_RequiredKeyThatIsMissing_IsRefusedByName(string key)
    {
        ModelException error = Assert.Throws<ModelException>(() => Parse(Changed(root => root.Remove(key))));
        Assert.StartsWith($"config.json: {key} is missing; allowed is ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(""), InlineData("[]"), InlineData("null"), InlineData("{"), InlineData("""{"rms_norm_eps": NaN}"""), InlineData("""{"a": 1, "a": 2}""")]
    [InlineData("""{"model_type": "gemma\ud8002"}""")]
    public void Parse_NoJsonObject_IsRefused(string json)
    {
        ModelException error = Assert.Throws<ModelException>(() => Parse(json));
        Assert.StartsWith("config.json: ", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(error.Message, char.IsControl);
    }

    private static Gemma2Config Parse(string json) => Gemma2Config.Parse(Encoding.UTF8.GetBytes(json), "config.json");

    private static string Changed(Action<JsonObject> change, string json = Published27B)
    {
        JsonObject root = JsonNode.Parse(json)!.AsObject();
        change(root);
        return root.ToJsonString();
    }

    private static string With(string key, string value, string json = Published27B) => Changed(root => root[key] = JsonNode.Parse(value), json);
}
