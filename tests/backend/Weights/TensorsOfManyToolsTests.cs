using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Safetensors;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tests.Weights.Gguf;

namespace Gemma2.Backend.Tests.Weights;

/// <summary>Tensors as published models have them: under other names, with leftovers beside, in types that are not read.</summary>
public sealed class TensorsOfManyToolsTests
{
    private static readonly Gemma2Config Tiny = Gemma2Config.Parse(
        """
        {"model_type": "gemma2", "vocab_size": 40, "hidden_size": 6, "intermediate_size": 10, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "query_pre_attn_scalar": 4}
        """u8.ToArray(), "tiny");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight")]
    [InlineData("layers.0.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight")]
    [InlineData("embed_tokens.weight", "model.embed_tokens.weight")]
    [InlineData("norm.weight", "model.norm.weight")]
    [InlineData("base_model.model.model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight")]
    [InlineData("base_model.model.lm_head.weight", "lm_head.weight")]
    [InlineData("language_model.model.norm.weight", "model.norm.weight")]
    [InlineData("language_model.lm_head.weight", "lm_head.weight")]
    [InlineData("model.language_model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight")]
    [InlineData("_orig_mod.model.norm.weight", "model.norm.weight")]
    [InlineData("model._orig_mod.layers.0._fsdp_wrapped_module.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight")]
    [InlineData("module.model.norm.weight", "model.norm.weight")]
    [InlineData("module._orig_mod.base_model.model.model.norm.weight", "model.norm.weight")]
    [InlineData("vision_tower.layers.0.weight", "vision_tower.layers.0.weight")]
    [InlineData("normalizer", "normalizer")]
    [InlineData("", "")]
    public void ToStandard_NamesOfTools_AreThoseOfGemma(string name, string expected) => Assert.Equal(expected, HuggingFaceNames.ToStandard(name));

    [Theory]
    [InlineData("base_model.model."), InlineData("_orig_mod."), InlineData("language_model."), InlineData("module.")]
    public async Task OpenAsync_NamesWithAPrefix_AreRead(string prefix)
    {
        await using OpenModel model = await OpenAsync([.. Tensors().Select(tensor => (prefix + tensor.Name, "F32", tensor.Shape))]);
        Assert.Equal(Tensors().Select(tensor => tensor.Name), model.Tensors.Select(tensor => tensor.Name));
    }

    [Fact]
    public async Task OpenAsync_NamesWithoutModelAndAnIndex_AreRead()
    {
        (string Name, string Type, long[] Shape)[] tensors = [.. Tensors().Select(tensor => (tensor.Name["model.".Length..], "F32", tensor.Shape)), ("rotary_emb.inv_freq", "F32", [2])];
        JsonObject map = new(tensors.Select(tensor => KeyValuePair.Create<string, JsonNode?>(tensor.Name, "model-00001-of-00001.safetensors")));
        MemoryModelSource source = new(
            ("config.json", SafetensorsWriter.ConfigJson(Tiny)),
            ("model-00001-of-00001.safetensors", Write(tensors)),
            ("model.safetensors.index.json", Encoding.UTF8.GetBytes(new JsonObject { ["weight_map"] = map }.ToJsonString())));
        await using OpenModel model = await ModelReader.OpenAsync(source, Cancellation);
        Assert.Equal(24, model.Tensors.Count);
    }

    [Fact]
    public async Task OpenAsync_ATensorUnderTwoNames_IsRefused()
    {
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => OpenAsync([.. All(), ("norm.weight", "F32", [6])]));
        Assert.Equal("memory/model.safetensors: model.norm.weight is there twice, also in model.safetensors.", error.Message);
    }

    [Fact]
    public async Task OpenAsync_KnownLeftovers_AreLeftAsideWithALineForEachKind()
    {
        await using OpenModel model = await OpenAsync(
        [
            ("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", [2]), ("model.layers.1.self_attn.rotary_emb.inv_freq", "F32", [2]),
            .. All(),
            ("model.layers.0.self_attn.k_scale", "F32", []), ("model.layers.0.self_attn.v_scale", "F64", [1]),
            ("optimizer.state.0.exp_avg", "F64", [3, 3]), ("model.position_ids", "I64", [1, 7]), ("model.normalizer", "BF16", []),
        ]);
        RecordingSink sink = new();
        await model.ReadAsync(sink, cancellationToken: Cancellation);
        Assert.Equal(Tensors().Select(tensor => tensor.Name), sink.Announced.Select(tensor => tensor.Name));
        Assert.Equal(
        [
            "2 tensors like model.layers.0.self_attn.rotary_emb.inv_freq are left aside: rotary frequencies, which follow from the configuration.",
            "2 tensors like model.layers.0.self_attn.k_scale are left aside: scales of a quantized cache, which is not used.",
            "optimizer.state.0.exp_avg is left aside: states of a training.",
            "model.position_ids is left aside: positions and masks, which are computed.",
            "model.normalizer is left aside: the embedding's scale, which follows from the configuration.",
        ], model.Description.Notes);
    }

    [Fact]
    public async Task OpenAsync_LeftoversInGguf_AreLeftAside()
    {
        Gemma2Config config = Tiny with { VocabularySize = 270 };
        GgufBytes file = GgufBytes.Of(config).WithVocabulary(270);
        file.Tensors.Insert(1, ("rope_freqs.weight", TensorType.F32, [16]));
        await using OpenModel model = await ModelReader.OpenAsync(new MemoryModelSource(("m.gguf", file.Write())), Cancellation);
        RecordingSink sink = new();
        await model.ReadAsync(sink, cancellationToken: Cancellation);
        Assert.Equal(24, sink.Announced.Count);
        Assert.Contains("rope_freqs.weight is left aside: rotary frequencies, which follow from the configuration.", model.Description.Notes);
    }

    [Theory]
    [InlineData("model.layers.0.mlp.up_proj.qweight", "F32", "is no tensor of a Gemma 2 of 2 layers: the model is quantized by GPTQ or AWQ, which is not read: take the model that it was made of")]
    [InlineData("model.layers.0.mlp.up_proj.qweight", "I32", "dtype is \"I32\"; supported are F32, F16 and BF16: the model is quantized by whole numbers (GPTQ, AWQ")]
    [InlineData("model.layers.0.mlp.up_proj.weight.absmax", "F32", "the model is quantized by bitsandbytes")]
    [InlineData("model.layers.0.mlp.up_proj.x", "U8", "dtype is \"U8\"; supported are F32, F16 and BF16: the model is quantized by whole numbers")]
    [InlineData("model.layers.0.mlp.up_proj.x", "F8_E4M3", "dtype is \"F8_E4M3\"; supported are F32, F16 and BF16: the model is quantized by small floats, which is not read: take the model")]
    [InlineData("model.layers.0.mlp.up_proj.x", "F8_E5M2", "small floats")]
    [InlineData("model.layers.0.mlp.up_proj.x", "F64", "dtype is \"F64\"; supported are F32, F16 and BF16: save it in one of them")]
    [InlineData("model.layers.0.mlp.up_proj.lora_A.weight", "F32", "the model holds an adapter that was not merged into the weights")]
    [InlineData("vision_tower.encoder.weight", "F32", "the model sees images, as PaliGemma 2 does: this engine takes models of text.")]
    [InlineData("score.weight", "BF16", "the model classifies or ranks texts")]
    [InlineData("model.layers.0.mlp.up_proj.bias", "BF16", "model.layers.0.mlp.up_proj.bias is no tensor of a Gemma 2 of 2 layers.")]
    public async Task OpenAsync_TensorsOfOtherModels_AreRefusedWithWhatToDo(string name, string type, string reason)
    {
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => OpenAsync([.. All(), (name, type, [8])]));
        Assert.StartsWith("memory/model.safetensors: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        Assert.True(error.Message.Length < 500);
    }

    [Theory]
    [InlineData(true, "config.json says tie_word_embeddings: false, but no file holds lm_head.weight: the embedding is the output matrix.")]
    [InlineData(false, "lm_head.weight is another matrix than model.embed_tokens.weight: it is the output matrix.")]
    public async Task OpenAsync_EmbeddingThatIsNotTied_SaysWhichOutputMatrixIsUsed(bool isMissing, string note)
    {
        JsonObject config = JsonNode.Parse(SafetensorsWriter.ConfigJson(Tiny))!.AsObject();
        config["tie_word_embeddings"] = false;
        MemoryModelSource source = new(
            ("config.json", Encoding.UTF8.GetBytes(config.ToJsonString())), ("model.safetensors", Write(isMissing ? All() : [.. All(), ("lm_head.weight", "F32", [40, 6])])));
        await using OpenModel model = await ModelReader.OpenAsync(source, Cancellation);
        Assert.Contains(note, model.Description.Notes);
    }

    [Fact]
    public void Parse_HeadersOfManyTools_NeverFailOtherwiseThanInOneLine()
    {
        var random = new Random(16);
        byte[] seed = Write([.. All(), ("model.layers.0.self_attn.k_scale", "F8_E4M3", []), ("optimizer.x", "I64", [2, 3]), ("lm_head.weight", "BF16", [40, 6])]);
        byte[] header = seed[8..(8 + (int)BitConverter.ToInt64(seed))];
        int read = 0;
        for (int i = 0; i < 5000; i++)
        {
            byte[] mutated = [.. header];
            for (int change = random.Next(4); change > 0; change--) mutated[random.Next(mutated.Length)] = random.Next(3) == 0 ? (byte)random.Next(256) : header[random.Next(header.Length)];
            try
            {
                List<string> leftAside = [];
                IReadOnlyList<TensorEntry> tensors = SafetensorsHeader.Parse(mutated, seed.Length, "model", "file", leftAside);
                Assert.All(Leftovers.Notes(leftAside), note => Assert.DoesNotContain(note, char.IsControl));
                TensorCatalog.Check([.. tensors.Select(tensor => tensor with { Name = HuggingFaceNames.ToStandard(tensor.Name) })], Tiny, "model");
                read++;
            }
            catch (ModelException error)
            {
                Assert.True(error.Message.Length < 700 && !error.Message.Any(char.IsControl), error.Message);
            }
        }
        Assert.InRange(read, 1000, 4999);
    }

    private static List<(string Name, TensorType Type, long[] Shape)> Tensors() => SafetensorsWriter.Tensors(Tiny);

    private static (string Name, string Type, long[] Shape)[] All() => [.. Tensors().Select(tensor => (tensor.Name, "F32", tensor.Shape))];

    private static Task<OpenModel> OpenAsync((string Name, string Type, long[] Shape)[] tensors) =>
        ModelReader.OpenAsync(new MemoryModelSource(("config.json", SafetensorsWriter.ConfigJson(Tiny)), ("model.safetensors", Write(tensors))), Cancellation);

    private static byte[] Write((string Name, string Type, long[] Shape)[] tensors)
    {
        Dictionary<string, object> header = [];
        long end = 0;
        foreach ((string name, string dtype, long[] shape) in tensors)
        {
            long begin = end, size = dtype switch { "F64" or "I64" => 8, "F32" or "I32" => 4, "BF16" => 2, _ => 1 };
            end += shape.Aggregate(size, (product, dimension) => product * dimension);
            header.Add(name, new { dtype, shape, data_offsets = new[] { begin, end } });
        }
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(header), data = new byte[end];
        new Random(3).NextBytes(data);
        return [.. BitConverter.GetBytes((long)json.Length), .. json, .. data];
    }
}
