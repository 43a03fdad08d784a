using System.Text;
using System.Text.Json.Nodes;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Quantizing;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Backend.Text;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Weights;

public sealed class ModelQuantizerTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task WriteAsync_AsFloats_KeepsEveryNumberAndToken()
    {
        byte[] file = await QuantizeAsync(new FolderModelSource(NanoModel.Folder), WeightType.F32);
        (OpenModel nano, RecordingSink original) = await ReadAsync(new FolderModelSource(NanoModel.Folder));
        (OpenModel written, RecordingSink stored) = await ReadAsync(new MemoryModelSource(("nano.gguf", file)));
        Assert.Equal(nano.Config with { EndTokens = [], Layers = [] }, written.Config with { EndTokens = [], Layers = [], RmsNormEpsilon = nano.Config.RmsNormEpsilon });
        Assert.Equal(nano.Config.Layers, written.Config.Layers);
        Assert.Equal(nano.Config.RmsNormEpsilon, written.Config.RmsNormEpsilon, 1e-12);
        Assert.Equal(nano.Config.EndTokens, written.Config.EndTokens);

        foreach (TensorEntry tensor in nano.Tensors)
        {
            TensorEntry same = written.Tensors.Single(entry => entry.Name == tensor.Name);
            float[] expected = Values(tensor, original), actual = Values(same, stored);
            Assert.Equal(TensorType.F32, same.Type);
            Assert.Equal(tensor.Shape, same.Shape);
            Assert.Equal(expected.Select(value => tensor.Shape.Count == 1 ? value + 1 : value), actual);
        }

        foreach (string text in (string[])["The secret code is 51996.", "  spaces\n\nand\tüñí🙂", "<start_of_turn>user\n"])
            Assert.Equal(nano.Tokenizer!.Encode(text), written.Tokenizer!.Encode(text));
        ChatMessage[] chat = [new("user", "Where is Nina?")];
        Assert.Equal(nano.Description.ChatTemplate!.Encode(chat), written.Description.ChatTemplate!.Encode(chat));
    }

    [Fact]
    public async Task WriteAsync_EndTokensAndSampling_GoIntoTheFile()
    {
        MemoryModelSource nano = MemoryModelSource.Of(NanoModel.Folder);
        nano.Files["generation_config.json"] = """{"eos_token_id": [1, 300], "temperature": 0.7, "top_k": 64, "top_p": 0.95, "min_p": 0.05, "repetition_penalty": 1.1}"""u8.ToArray();
        (OpenModel written, _) = await ReadAsync(new MemoryModelSource(("nano.gguf", await QuantizeAsync(nano, WeightType.Q8_0))));
        Assert.Equal([1, 107, 300], written.Config.EndTokens.Order());
        Assert.Equal(new SamplingDefaults(0.7, 64, 0.95, 0.05, 1.1), written.Description.Sampling);
        Assert.Empty(written.Description.Notes);
    }

    [Fact]
    public async Task OpenAsync_EndThatTheVocabularyNames_EndsAGeneration()
    {
        MemoryModelSource nano = MemoryModelSource.Of(NanoModel.Folder);
        (OpenModel plain, _) = await ReadAsync(nano);
        Assert.Equal([1, 107], plain.Config.EndTokens);
        nano.Files["tokenizer_config.json"] = Encoding.UTF8.GetBytes(new JsonObject { ["eos_token"] = plain.Tokenizer!.Piece(300) }.ToJsonString());
        (OpenModel named, _) = await ReadAsync(nano);
        Assert.Equal([1, 107, 300], named.Config.EndTokens);
    }

    [Fact]
    public async Task WriteAsync_WhatItWrote_IsTheSameWhenWrittenAgain()
    {
        byte[] file = await QuantizeAsync(new FolderModelSource(NanoModel.Folder), WeightType.Q5_1);
        byte[] again = await QuantizeAsync(new MemoryModelSource(("nano.gguf", file)), WeightType.Q5_1);
        // Only the model's name differs, which lies in the header.
        Assert.Equal(file[^1_000_000..], again[^1_000_000..]);
    }

    [Fact]
    public async Task WriteAsync_FileThatIsQuantizedInAnotherType_SaysSo()
    {
        byte[] file = await QuantizeAsync(new FolderModelSource(NanoModel.Folder), WeightType.Q4_0);
        string message = (await Assert.ThrowsAsync<ModelException>(() => QuantizeAsync(new MemoryModelSource(("nano.gguf", file)), WeightType.Q8_0))).Message;
        Assert.Contains("already and does not become Q8_0", message);
    }

    [Fact]
    public async Task WriteAsync_ModelWithoutTokenizer_SaysSo() => Assert.Equal(
        "a-base: has no tokenizer, which a GGUF file holds too.",
        (await Assert.ThrowsAsync<ModelException>(() => QuantizeAsync(new FolderModelSource(GoldenModels.Open("a-base").Folder), WeightType.Q8_0))).Message);

    [Fact]
    public async Task WriteAsync_ScaleOfQueriesThatGgufCannotSay_SaysSo()
    {
        string message = (await Assert.ThrowsAsync<ModelException>(() => QuantizeAsync(NanoWith("query_pre_attn_scalar", 77), WeightType.Q8_0))).Message;
        Assert.StartsWith("memory: query_pre_attn_scalar is 77; in GGUF, which has no key for it, it must be ", message);
    }

    [Theory, InlineData("full_attention", "sliding_attention"), InlineData("sliding_attention", "sliding_attention"), InlineData("full_attention", "full_attention")]
    public async Task WriteAsync_LayersThatGgufCannotSay_SaysSo(string even, string odd)
    {
        int layers = JsonNode.Parse(MemoryModelSource.Of(NanoModel.Folder).Files["config.json"])!["num_hidden_layers"]!.GetValue<int>();
        JsonArray types = [.. Enumerable.Range(0, layers).Select(layer => (JsonNode)(layer % 2 == 0 ? even : odd))];
        string message = (await Assert.ThrowsAsync<ModelException>(() => QuantizeAsync(NanoWith("layer_types", types), WeightType.Q8_0))).Message;
        Assert.StartsWith("memory: its layer_types do not alternate; in GGUF, which has no key for them,", message);
    }

    private static MemoryModelSource NanoWith(string key, JsonNode value)
    {
        MemoryModelSource source = MemoryModelSource.Of(NanoModel.Folder);
        JsonNode config = JsonNode.Parse(source.Files["config.json"])!;
        config[key] = value;
        source.Files["config.json"] = Encoding.UTF8.GetBytes(config.ToJsonString());
        return source;
    }

    private static async Task<byte[]> QuantizeAsync(IModelSource source, WeightType type)
    {
        using MemoryStream file = new();
        await ModelQuantizer.WriteAsync(source, new QuantizeOptions(type), file, cancellationToken: Cancellation);
        return file.ToArray();
    }

    private static async Task<(OpenModel Model, RecordingSink Tensors)> ReadAsync(IModelSource source)
    {
        await using OpenModel model = await ModelReader.OpenAsync(source, Cancellation);
        RecordingSink sink = new();
        await model.ReadAsync(sink, cancellationToken: Cancellation);
        return (model, sink);
    }

    private static float[] Values(TensorEntry tensor, RecordingSink sink)
    {
        float[] values = new float[tensor.Shape.Aggregate(1L, (product, size) => product * size)];
        BlockCodec.Dequantize(tensor.Type, sink.Bytes(tensor.Name), values);
        return values;
    }
}
