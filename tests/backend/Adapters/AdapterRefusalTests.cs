using System.Text.Json.Nodes;
using Gemma2.Backend.Adapters;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tests.Weights;

namespace Gemma2.Backend.Tests.Adapters;

/// <summary>What is not supported, malformed or does not fit is refused with a line that names it.</summary>
public sealed class AdapterRefusalTests
{
    private static readonly Gemma2Config Nano = Gemma2Config.Parse(File.ReadAllBytes(Path.Combine(NanoModel.Folder, "config.json")), "nano");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("peft_type", "\"IA3\"", "peft_type is \"IA3\"; allowed is \"LORA\".")]
    [InlineData("r", "0", "r is 0; allowed is a whole number from 1 to 16384.")]
    [InlineData("r", "4.5", "r is 4.5; allowed is a whole number from 1 to 16384.")]
    [InlineData("r", "8", "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight is [4, 128], of rank 4; by adapter_config.json its rank is 8.")]
    [InlineData("lora_alpha", "\"16\"", "lora_alpha is \"16\"; allowed is a number.")]
    [InlineData("use_rslora", "1", "use_rslora is 1; allowed is true or false.")]
    [InlineData("use_dora", "true", "use_dora is true: DoRA is not supported; merge the adapter with PEFT's merge_and_unload.")]
    [InlineData("bias", "\"all\"", "bias is \"all\": Gemma 2 has no biases; allowed is \"none\".")]
    [InlineData("lora_bias", "true", "lora_bias is true: Gemma 2 has no biases.")]
    [InlineData("init_lora_weights", "\"pissa_niter_16\"", "init_lora_weights is \"pissa_niter_16\": such an adapter belongs to a changed model")]
    [InlineData("layer_replication", "[[0, 4], [2, 5]]", "layer_replication is an array: models with repeated layers are not supported")]
    [InlineData("trainable_token_indices", "[1]", "trainable_token_indices is an array: single rows of the embedding are not supported")]
    [InlineData("alora_invocation_tokens", "[1]", "alora_invocation_tokens is an array: an adapter that begins within a text cannot be added to weights.")]
    [InlineData("use_wonders", "true", "use_wonders is true: the key is not known, nor what it would change.")]
    [InlineData("alpha_pattern", "[]", "alpha_pattern must be an object of at most 1024 module names and numbers.")]
    [InlineData("alpha_pattern", "{\"q_proj\": \"4\"}", "alpha_pattern has \"4\" for q_proj; allowed are numbers.")]
    [InlineData("alpha_pattern", "{\"(a\": 4}", "alpha_pattern has the pattern (a, which is no regular expression that is supported.")]
    [InlineData("alpha_pattern", "{\"(?<=x)a\": 4}", "alpha_pattern has the pattern (?<=x)a, which is no regular expression that is supported.")]
    [InlineData("rank_pattern", "{\"q_proj\": 2}", "q_proj.lora_A.weight is [4, 128], of rank 4; by adapter_config.json its rank is 2.")]
    [InlineData("rank_pattern", "{\"q_proj\": 0}", "rank_pattern has 0 for q_proj; allowed are whole numbers from 1 to 16384.")]
    public async Task LoadAsync_ConfigThatAsksForWhatIsNotSupported_NamesTheKey(string key, string value, string message)
    {
        AdapterFiles files = AdapterFiles.Of(Nano, 4, 1, [TensorNames.Query(0)]);
        files.Config[key] = JsonNode.Parse(value);
        Assert.Contains(message, await RefusalAsync(files.Peft()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("target_modules", "\"all-linear\""), InlineData("target_modules", "\".*(q|v)_proj\""), InlineData("target_modules", "null"), InlineData("layers_to_transform", "[0, 1]")]
    [InlineData("fan_in_fan_out", "true"), InlineData("init_lora_weights", "\"gaussian\""), InlineData("init_lora_weights", "false"), InlineData("use_wonders", "false"), InlineData("new_key", "null")]
    [InlineData("auto_mapping", "{\"unsloth_fixed\": true}"), InlineData("loftq_config", "{\"loftq_bits\": 4}"), InlineData("rank_pattern", "null"), InlineData("lora_alpha", "0.5")]
    public async Task LoadAsync_ConfigThatChangesNothing_IsTaken(string key, string value)
    {
        AdapterFiles files = AdapterFiles.Of(Nano, 4, 1, [TensorNames.Query(0)]);
        files.Config[key] = JsonNode.Parse(value);
        Assert.Single((await LoadAsync(files.Peft())).Adapters);
    }

    [Theory]
    [InlineData("layers.0.self_attn.q_proj.lora_A", "layers.6.self_attn.q_proj.lora_A", "q_proj.lora_A.weight is for model.layers.6.self_attn.q_proj.weight, which no Gemma 2 of 6 layers has.")]
    [InlineData("layers.0.self_attn.q_proj.lora_A", "layers.0.self_attn.qkv.lora_A", "is for model.layers.0.self_attn.qkv.weight, which no Gemma 2 of 6 layers has.")]
    [InlineData("layers.0.self_attn.q_proj.lora_A", "layers.1.self_attn.q_proj.lora_A", "q_proj.lora_B.weight has no counterpart: LoRA adds the product of A and B to model.layers.0.self_attn.q_proj.weight, of which A is missing.")]
    [InlineData("layers.0.self_attn.q_proj.lora_A", "layers.0.input_layernorm.lora_A", "is for model.layers.0.input_layernorm.weight, which is no matrix.")]
    [InlineData("layers.0.self_attn.q_proj.lora_A", "layers.0.self_attn.k_proj.lora_A", "has no counterpart")]
    [InlineData("layers.0.self_attn.q_proj.lora_B", "layers.0.self_attn.v_proj.lora_B", "has no counterpart")]
    [InlineData("q_proj.lora_A.weight", "q_proj.lora_magnitude_vector", "lora_magnitude_vector belongs to DoRA, which is not supported; merge the adapter with PEFT's merge_and_unload.")]
    [InlineData("q_proj.lora_A.weight", "q_proj.lora_B.bias", "q_proj.lora_B.bias is a bias, and Gemma 2 has none.")]
    [InlineData("q_proj.lora_A.weight", "q_proj.lora_C", "q_proj.lora_C is no tensor of a LoRA adapter: A and B are named NAME.lora_A.weight and NAME.lora_B.weight.")]
    [InlineData("q_proj.lora_A.weight", "q_proj.weight", "q_proj.weight is [4, 128]; for model.layers.0.self_attn.q_proj.weight, which is [128, 128] in this model, it must be [128, 128].")]
    [InlineData("model.layers.0.self_attn.q_proj.lora_A.weight", "score.weight", "score.weight is for score.weight, which no Gemma 2 of 6 layers has.")]
    [InlineData("[4,128]", "[4,64,2]", "lora_A.weight is [4, 64, 2]; it must have 2 dimensions.")]
    [InlineData("[4,128]", "[8,64]", "q_proj.lora_A.weight is [8, 64]; for model.layers.0.self_attn.q_proj.weight, which is [128, 128] in this model, it must be [8, 128].")]
    [InlineData("[128,4]", "[64,8]", "q_proj.lora_B.weight is [64, 8]; for model.layers.0.self_attn.q_proj.weight, which is [128, 128] in this model, and rank 4, it must be [128, 4].")]
    [InlineData("[128,4]", "[4,128]", "q_proj.lora_B.weight is [4, 128]; for")]
    public async Task LoadAsync_TensorThatDoesNotFit_IsNamed(string from, string to, string message)
    {
        MemoryModelSource peft = AdapterFiles.Of(Nano, 4, 1, [TensorNames.Query(0)]).Peft();
        peft.ReplaceInHeader("adapter_model.safetensors", from, to);
        string refusal = await RefusalAsync(peft);
        Assert.Contains("memory/adapter_model.safetensors: ", refusal, StringComparison.Ordinal);
        Assert.Contains(message, refusal, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("general.type", "model", "general.type is \"model\"; allowed is \"adapter\".")]
    [InlineData("general.type", null, "general.type is missing; allowed is \"adapter\".")]
    [InlineData("adapter.type", "controlvector", "adapter.type is \"controlvector\"; allowed is \"lora\".")]
    [InlineData("general.architecture", "llama", "general.architecture is \"llama\"; allowed is \"gemma2\".")]
    [InlineData("adapter.lora.alpha", "16", "adapter.lora.alpha is \"16\"; allowed is a float from")]
    [InlineData("adapter.alora.invocation_tokens", "1", "an adapter that begins within a text cannot be added to weights")]
    public async Task LoadAsync_GgufKeyThatDoesNotFit_IsNamed(string key, string? value, string message)
    {
        MemoryModelSource gguf = AdapterFiles.Of(Nano, 4, 1, [TensorNames.Query(0)]).Gguf(keys =>
        {
            if (value is null) keys.Remove(key);
            else keys[key] = value;
        });
        string refusal = await RefusalAsync(gguf);
        Assert.StartsWith("memory/adapter.gguf: ", refusal, StringComparison.Ordinal);
        Assert.Contains(message, refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LoadAsync_NumberThatIsNotFinite_NamesTheTensor()
    {
        MemoryModelSource peft = AdapterFiles.Of(Nano, 4, 1, [TensorNames.Query(0)]).Peft();
        peft.Files["adapter_model.safetensors"].AsSpan(^4).Fill(0xFF);
        Assert.EndsWith("q_proj.lora_B.weight holds a number that is not finite.", await RefusalAsync(peft), StringComparison.Ordinal);
    }

    [Fact]
    public async Task LoadAsync_EmbeddingWithMoreRows_SaysWhatItNeeds()
    {
        AdapterFiles files = new();
        files.Wholes.Add(TensorNames.Embedding, ([Nano.VocabularySize + 2, 128], new float[(Nano.VocabularySize + 2) * 128]));
        Assert.Equal(
            "memory/adapter_model.safetensors: base_model.model.model.embed_tokens.weight is [2050, 128]; for model.embed_tokens.weight, which is [2048, 128] in this model, it must be [2048, 128]."
            + " An adapter that was trained with added tokens needs the model with these tokens.",
            await RefusalAsync(files.Peft()));
    }

    [Fact]
    public async Task LoadAsync_PickledWeights_SaysWhatToDo() =>
        Assert.Equal(
            "memory: has adapter_model.bin, a file of Python objects, which is not read; save the adapter as adapter_model.safetensors.",
            await RefusalAsync(new MemoryModelSource(("adapter_config.json", AdapterFiles.Of(Nano, 4, 1, []).Peft().Files["adapter_config.json"]), ("adapter_model.bin", [1]))));

    [Fact]
    public async Task LoadAsync_WholeModel_IsNoAdapter() =>
        Assert.Equal("nano: is no LoRA adapter: it has neither adapter_config.json nor one .gguf file.", await RefusalAsync(new FolderModelSource(NanoModel.Folder)));

    [Fact]
    public async Task LoadAsync_NothingInIt_IsRefused() =>
        Assert.Equal("memory/adapter_model.safetensors: holds nothing that could be added to a model.", await RefusalAsync(AdapterFiles.Of(Nano, 4, 1, []).Peft()));

    [Fact]
    public async Task LoadAsync_Whatever_ClosesItsFiles()
    {
        foreach (MemoryModelSource files in (MemoryModelSource[])[AdapterFiles.Of(Nano, 4, 1, [TensorNames.Query(0)]).Peft(), AdapterFiles.Of(Nano, 4, 1, [TensorNames.Query(0)]).Gguf()])
        {
            await LoadAsync(files);
            Assert.Equal(files.Opened.Order(), files.Closed.Order());
        }
    }

    private static async Task<string> RefusalAsync(IModelSource files) => (await Assert.ThrowsAsync<ModelException>(() => LoadAsync(files))).Message;

    private static async Task<AdapterSet> LoadAsync(IModelSource files)
    {
        await using OpenModel model = await ModelReader.OpenAsync(new FolderModelSource(NanoModel.Folder), Cancellation);
        return await AdapterSet.LoadAsync([new AdapterSource(files)], model, Cancellation);
    }
}
