using System.Text.Json.Nodes;
using Gemma2.Backend.Adapters;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Backend.Tests.Weights;

namespace Gemma2.Backend.Tests.Adapters;

/// <summary>Adapters of both formats are added to the model that the repository ships, and compared with sums in double precision.</summary>
public sealed class AdapterReaderTests
{
    private static readonly string[] Targets = [TensorNames.Query(0), TensorNames.Value(2), TensorNames.AttentionOutput(5), TensorNames.Gate(1), TensorNames.Down(1)];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static Gemma2Config Nano { get; } = Gemma2Config.Parse(File.ReadAllBytes(Path.Combine(NanoModel.Folder, "config.json")), "nano");

    [Theory, InlineData(null, "base_model.model."), InlineData("default", "base_model.model."), InlineData("other", "base_model.model."), InlineData(null, "")]
    public async Task LoadAsync_PeftAdapter_AddsItsProduct(string? name, string prefix)
    {
        AdapterFiles files = AdapterFiles.Of(Nano, rank: 4, seed: 1, Targets);
        await AssertAddedAsync([new AdapterSource(files.Peft(name, prefix))], (files, _ => 16.0 / 4));
    }

    [Theory, InlineData(TensorType.BF16), InlineData(TensorType.F16)]
    public async Task LoadAsync_PeftAdapterOfHalfWidth_AddsItsProduct(TensorType type)
    {
        AdapterFiles files = AdapterFiles.Of(Nano, rank: 4, seed: 1, Targets, type);
        await AssertAddedAsync([new AdapterSource(files.Peft())], (files, _ => 16.0 / 4));
    }

    [Fact]
    public async Task LoadAsync_NamesWithoutModel_AreThoseOfTheModel()
    {
        AdapterFiles files = AdapterFiles.Of(Nano, rank: 4, seed: 1, Targets);
        MemoryModelSource peft = files.Peft();
        peft.ReplaceInHeader("adapter_model.safetensors", "base_model.model.model.", "base_model.model.");
        await AssertAddedAsync([new AdapterSource(peft)], (files, _ => 16.0 / 4));
    }

    [Fact]
    public async Task LoadAsync_RankStabilized_DividesByTheRootOfTheRank()
    {
        AdapterFiles files = AdapterFiles.Of(Nano, rank: 6, seed: 2, Targets);
        files.Config["use_rslora"] = true;
        await AssertAddedAsync([new AdapterSource(files.Peft(), 0.5)], (files, _ => 0.5 * (16 / Math.Sqrt(6))));
    }

    [Theory]
    [InlineData("q_proj", 4), InlineData("layers.0.self_attn.q_proj", 4), InlineData("^model.layers.0.self_attn.q_proj", 4), InlineData("model.layers.0.self_attn.q_proj", 4)]
    [InlineData("(q|v)_proj", 4), InlineData(@"layers\.[0-2]\..*", 4), InlineData("proj", 16), InlineData("layers.0", 16)]
    public async Task LoadAsync_AlphaPattern_IsForTheModulesThatItMatches(string pattern, double alpha)
    {
        AdapterFiles files = AdapterFiles.Of(Nano, rank: 4, seed: 3, [TensorNames.Query(0)]);
        files.Config["alpha_pattern"] = new JsonObject { [pattern] = 4 };
        await AssertAddedAsync([new AdapterSource(files.Peft())], (files, _ => alpha / 4));
    }

    [Fact]
    public async Task LoadAsync_RankPattern_ScalesByItsRank()
    {
        AdapterFiles files = AdapterFiles.Of(Nano, rank: 4, seed: 4, [TensorNames.Query(0)]);
        AdapterFiles wide = AdapterFiles.Of(Nano, rank: 8, seed: 5, [TensorNames.Down(3)]);
        files.Matrices.Add(TensorNames.Down(3), wide.Matrices[TensorNames.Down(3)]);
        files.Config["rank_pattern"] = new JsonObject { ["down_proj"] = 8 };
        await AssertAddedAsync([new AdapterSource(files.Peft())], (files, target => target == TensorNames.Down(3) ? 2 : 4));
    }

    [Theory, InlineData(TensorType.F32, 4), InlineData(TensorType.BF16, 4), InlineData(TensorType.F16, 3), InlineData(TensorType.Q8_0, 32)]
    public async Task LoadAsync_GgufAdapter_AddsItsProduct(TensorType type, int rank)
    {
        AdapterFiles files = AdapterFiles.Of(Nano, rank, seed: 6, Targets, type);
        await AssertAddedAsync([new AdapterSource(files.Gguf(), -1.5)], (files, _ => -1.5 * (16.0 / rank)));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task LoadAsync_GgufAdapterWithoutAlpha_CountsAsItIs(bool isThere)
    {
        AdapterFiles files = AdapterFiles.Of(Nano, rank: 4, seed: 6, Targets);
        await AssertAddedAsync([new AdapterSource(files.Gguf(keys => _ = isThere ? (keys["adapter.lora.alpha"] = 0f) != null : keys.Remove("adapter.lora.alpha")))], (files, _ => 1));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task LoadAsync_ProductForTheEmbedding_LeavesTheOutputMatrixAsItIs(bool isPeft)
    {
        AdapterFiles files = AdapterFiles.Of(Nano, rank: 4, seed: 9, [TensorNames.Embedding]);
        RecordingSink added = await AssertAddedAsync([new AdapterSource(isPeft ? files.Peft("default") : files.Gguf())], (files, _ => 4));
        RecordingSink plain = new();
        await plain.ReadAsync(new FolderModelSource(NanoModel.Folder));
        Assert.Equal(plain.Bytes(TensorNames.Embedding), added.Bytes(TensorNames.Head));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task LoadAsync_ProductForTheOutputMatrix_IsForItAlone(bool isPeft)
    {
        AdapterFiles files = new();
        AdapterFiles embedding = AdapterFiles.Of(Nano, rank: 4, seed: 9, [TensorNames.Embedding]);
        files.Matrices.Add(TensorNames.Head, embedding.Matrices[TensorNames.Embedding]);
        RecordingSink added = await AssertAddedAsync([new AdapterSource(isPeft ? files.Peft() : files.Gguf())]);
        float[] values = new float[Nano.VocabularySize * Nano.HiddenSize];
        TensorEntry tensor = added.Announced.Single(tensor => tensor.Name == TensorNames.Embedding);
        BlockCodec.Dequantize(tensor.Type, added.Bytes(TensorNames.Embedding), values);
        double[] sums = Array.ConvertAll(values, value => (double)value);
        files.AddTo(TensorNames.Head, sums, 4);
        Assert.True(added.Bytes(TensorNames.Head).AsSpan().SequenceEqual(AdapterFiles.Bytes(TensorType.F32, Array.ConvertAll(sums, sum => (float)sum))));
    }

    [Theory]
    [InlineData(".weight"), InlineData(".modules_to_save.weight"), InlineData(".modules_to_save.default.weight"), InlineData(".base_layer.weight")]
    public async Task LoadAsync_TensorsAsTheyWereTrained_TakeThePlaceOfTheModels(string ending)
    {
        Random random = new(10);
        AdapterFiles files = new();
        foreach ((string name, long[] shape) in TensorCatalog.Shapes(Nano).Where(tensor => tensor.Key is TensorNames.Embedding or TensorNames.FinalNorm || tensor.Key == TensorNames.Key(2)))
            files.Wholes.Add(name, (shape, [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (product, size) => product * size)).Select(_ => random.NextSingle())]));
        files.Wholes.Add(TensorNames.Head, ([Nano.VocabularySize, Nano.HiddenSize], new float[Nano.VocabularySize * Nano.HiddenSize]));
        MemoryModelSource peft = files.Peft();
        foreach (string name in files.Wholes.Keys) peft.ReplaceInHeader("adapter_model.safetensors", $"{name}\"", $"{name[..^".weight".Length]}{ending}\"");

        RecordingSink added = await AddAsync([new AdapterSource(peft)]);

        Assert.All(files.Wholes, whole => Assert.Equal(AdapterFiles.Bytes(TensorType.F32, whole.Value.Values), added.Bytes(whole.Key)));
    }

    [Fact]
    public async Task LoadAsync_SameCopyOfEmbeddingAndOutputMatrix_KeepsThemOne()
    {
        AdapterFiles files = new();
        float[] values = [.. Enumerable.Range(0, Nano.VocabularySize * Nano.HiddenSize).Select(i => i % 100 / 50f)];
        files.Wholes.Add(TensorNames.Embedding, ([Nano.VocabularySize, Nano.HiddenSize], values));
        files.Wholes.Add(TensorNames.Head, ([Nano.VocabularySize, Nano.HiddenSize], values));
        RecordingSink added = await AddAsync([new AdapterSource(files.Peft())]);
        Assert.DoesNotContain(added.Announced, tensor => tensor.Name == TensorNames.Head);
        Assert.Equal(AdapterFiles.Bytes(TensorType.F32, values), added.Bytes(TensorNames.Embedding));
    }

    [Fact]
    public async Task LoadAsync_NormOfGguf_TakesThePlaceOfTheModels()
    {
        AdapterFiles files = new();
        float[] values = [.. Enumerable.Range(0, Nano.HiddenSize).Select(i => i / 64f)];
        files.Wholes.Add(TensorNames.InputNorm(3), ([Nano.HiddenSize], values));
        RecordingSink added = await AddAsync([new AdapterSource(files.Gguf())]);
        Assert.Equal(AdapterFiles.Bytes(TensorType.F32, values), added.Bytes(TensorNames.InputNorm(3)));
    }

    [Fact]
    public async Task LoadAsync_SeveralAdapters_AddUpInTheirOrder()
    {
        AdapterFiles first = AdapterFiles.Of(Nano, rank: 4, seed: 7, Targets), second = AdapterFiles.Of(Nano, rank: 2, seed: 8, [Targets[0], TensorNames.Up(4)]);
        await AssertAddedAsync([new AdapterSource(first.Peft()), new AdapterSource(second.Gguf(), 0.25)], (first, _ => 4), (second, _ => 0.25 * (16.0 / 2)));
    }

    [Fact]
    public async Task LoadAsync_Adapter_SaysWhatItIs()
    {
        await using OpenModel model = await ModelReader.OpenAsync(new FolderModelSource(NanoModel.Folder), Cancellation);
        Adapter adapter = (await AdapterSet.LoadAsync([new AdapterSource(AdapterFiles.Of(Nano, 4, 1, Targets).Peft(), 2)], model, Cancellation)).Adapters.Single();
        Assert.Equal(("memory", 2.0, 16.0), (adapter.Name, adapter.Scale, adapter.Alpha));
        Assert.Equal([4], adapter.Ranks);
        Assert.Equal(Targets.Order(), adapter.Targets.Order());
    }

    private static async Task<RecordingSink> AddAsync(IReadOnlyList<AdapterSource> sources)
    {
        RecordingSink added = new();
        await using OpenModel model = await ModelReader.OpenAsync(new FolderModelSource(NanoModel.Folder), Cancellation);
        AdapterSet adapters = await AdapterSet.LoadAsync(sources, model, Cancellation);
        await model.ReadAsync(adapters.Before(added, widens: true), cancellationToken: Cancellation);
        Assert.Equal(adapters.TensorsOf(model.Tensors).Select(tensor => tensor.Name), added.Announced.Select(tensor => tensor.Name));
        return added;
    }

    private static async Task<RecordingSink> AssertAddedAsync(IReadOnlyList<AdapterSource> sources, params (AdapterFiles Files, Func<string, double> Factor)[] expected)
    {
        RecordingSink plain = new(), added = await AddAsync(sources);
        await plain.ReadAsync(new FolderModelSource(NanoModel.Folder));

        foreach (TensorEntry tensor in plain.Announced)
        {
            (AdapterFiles Files, Func<string, double> Factor)[] those = [.. expected.Where(one => one.Files.Matrices.ContainsKey(tensor.Name))];
            if (those.Length == 0)
            {
                Assert.Equal(plain.Bytes(tensor.Name), added.Bytes(tensor.Name));
                continue;
            }
            float[] values = new float[tensor.Shape[0] * tensor.Shape[1]];
            BlockCodec.Dequantize(tensor.Type, plain.Bytes(tensor.Name), values);
            double[] sums = Array.ConvertAll(values, value => (double)value);
            foreach ((AdapterFiles files, Func<string, double> factor) in those) files.AddTo(tensor.Name, sums, factor(tensor.Name));
            Assert.NotEqual(values, Array.ConvertAll(sums, sum => (float)sum));
            Assert.True(added.Bytes(tensor.Name).AsSpan().SequenceEqual(AdapterFiles.Bytes(TensorType.F32, Array.ConvertAll(sums, sum => (float)sum))), tensor.Name);
        }
        return added;
    }
}
