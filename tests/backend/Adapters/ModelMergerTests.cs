using System.Text.Json.Nodes;
using Gemma2.Backend.Adapters;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Quantizing;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tests.Weights;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Adapters;

/// <summary>What is merged for good is, byte for byte, what is added while a model is loaded.</summary>
public sealed class ModelMergerTests : IDisposable
{
    private static readonly string[] Targets = [TensorNames.Query(0), TensorNames.Down(1), TensorNames.Gate(1), TensorNames.Up(1)];

    private readonly string _folder = Directory.CreateTempSubdirectory("gemma2-merge-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory, InlineData("c-mha-sharded", 2), InlineData("a-base", 1), InlineData("d-mqa-f16", 1)]
    public async Task WriteFolderAsync_GoldenModel_GivesTheWeightsWithTheAdapter(string name, int files)
    {
        FolderModelSource source = new(GoldenModels.Open(name).Folder);
        AdapterSource[] adapters = await AdaptersAsync(source);

        await ModelMerger.WriteFolderAsync(source, adapters, _folder, cancellationToken: Cancellation);

        await AssertSameAsync(source, adapters, new FolderModelSource(_folder));
        Assert.Equal(files, Directory.GetFiles(_folder, "*.safetensors").Length);
        Assert.Equal(files > 1, File.Exists(Path.Combine(_folder, "model.safetensors.index.json")));
        Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(GoldenModels.Open(name).Folder, "config.json"), Cancellation), await File.ReadAllBytesAsync(Path.Combine(_folder, "config.json"), Cancellation));
    }

    [Fact]
    public async Task WriteFolderAsync_Model_CopiesWhatIsNoWeights()
    {
        MemoryModelSource source = MemoryModelSource.Of(NanoModel.Folder);
        foreach (string file in (string[])["tokenizer_config.json", "chat_template.jinja", "LICENSE", "pytorch_model.bin", "optimizer.pt", "adapter_config.json", "model.gguf"]) source.Files.Add(file, "{}"u8.ToArray());
        await ModelMerger.WriteFolderAsync(source, await AdaptersAsync(source), _folder, cancellationToken: Cancellation);
        Assert.Equal(
            ["LICENSE", "README.md", "chat_template.jinja", "config.json", "evaluation.json", "generation_config.json", "model.safetensors", "reference-logits.json", "tokenizer.model", "tokenizer_config.json"],
            Directory.GetFiles(_folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task WriteFolderAsync_AdapterOfTheEmbedding_GivesTheModelAnOutputMatrixOfItsOwn()
    {
        FolderModelSource source = new(NanoModel.Folder);
        AdapterSource[] adapters = await AdaptersAsync(source, TensorNames.Embedding);
        await ModelMerger.WriteFolderAsync(source, adapters, _folder, cancellationToken: Cancellation);
        await AssertSameAsync(source, adapters, new FolderModelSource(_folder));
        JsonNode config = JsonNode.Parse(await File.ReadAllBytesAsync(Path.Combine(_folder, "config.json"), Cancellation))!;
        Assert.False(config["tie_word_embeddings"]!.GetValue<bool>());
        Assert.Equal(2048, config["vocab_size"]!.GetValue<int>());
    }

    [Theory, InlineData(null), InlineData(WeightType.Q8_0), InlineData(WeightType.Q4_0)]
    public async Task WriteGgufAsync_FolderOrGguf_GivesTheWeightsWithTheAdapter(WeightType? type)
    {
        IModelSource source = new FolderModelSource(NanoModel.Folder);
        if (type is not null)
        {
            string quantized = Path.Combine(_folder, "quantized.gguf");
            await using (FileStream file = File.Create(quantized)) await ModelQuantizer.WriteAsync(source, new QuantizeOptions(type.Value) { Pure = true }, file, cancellationToken: Cancellation);
            source = new FileModelSource(quantized);
        }
        AdapterSource[] adapters = await AdaptersAsync(source);
        string merged = Path.Combine(_folder, "merged.gguf");

        await using (FileStream file = File.Create(merged)) await ModelMerger.WriteGgufAsync(source, adapters, file, cancellationToken: Cancellation);

        await AssertSameAsync(source, adapters, new FileModelSource(merged));
    }

    [Fact]
    public async Task WriteFolderAsync_ModelInGguf_SaysWhatItBecomes()
    {
        MemoryModelSource source = new(("m.gguf", [1]));
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => ModelMerger.WriteFolderAsync(source, [], _folder, cancellationToken: Cancellation));
        Assert.Equal("memory: has no config.json that a folder needs; a model in GGUF is merged into a .gguf file.", error.Message);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task<AdapterSource[]> AdaptersAsync(IModelSource source, params string[] others)
    {
        await using OpenModel model = await ModelReader.OpenAsync(source, Cancellation);
        Gemma2Config config = model.Config;
        return [new AdapterSource(AdapterFiles.Of(config, rank: 4, seed: 1, [.. Targets, .. others]).Peft()), new AdapterSource(AdapterFiles.Of(config, rank: 2, seed: 2, Targets[..1]).Gguf(), 0.5)];
    }

    /// <summary>Norms that became factors, as GGUF has them, are what tests of that format compare.</summary>
    private static async Task AssertSameAsync(IModelSource source, IReadOnlyList<AdapterSource> adapters, IModelSource merged)
    {
        RecordingSink expected = new(), actual = new();
        await using (OpenModel model = await ModelReader.OpenAsync(source, Cancellation))
            await model.ReadAsync((await AdapterSet.LoadAsync(adapters, model, Cancellation)).Before(expected, widens: false), cancellationToken: Cancellation);
        await actual.ReadAsync(merged);
        Assert.Equal(expected.Announced.Select(tensor => tensor.Name).Order(), actual.Announced.Select(tensor => tensor.Name).Order());
        foreach (TensorEntry tensor in expected.Announced)
        {
            TensorEntry other = actual.Announced.Single(other => other.Name == tensor.Name);
            if (tensor.Shape.Count == 1 && other.HoldsFactor && !tensor.HoldsFactor) continue;
            Assert.Equal(tensor.Type, other.Type);
            Assert.True(expected.Bytes(tensor.Name).AsSpan().SequenceEqual(actual.Bytes(tensor.Name)), tensor.Name);
        }
    }
}
