using System.Text.Json;
using Gemma2.Backend.Config;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Weights;

public sealed class ModelReaderTests
{
    private const string First = "model-1.safetensors", Second = "model-2.safetensors";

    private static readonly Gemma2Config Tiny = Gemma2Config.Parse(
        """
        {"model_type": "gemma2", "vocab_size": 40, "hidden_size": 6, "intermediate_size": 10, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "query_pre_attn_scalar": 4}
        """u8.ToArray(), "tiny");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(GoldenModels.All), MemberType = typeof(GoldenModels))]
    public async Task ReadAsync_EveryGoldenModel_GivesEachTensorsBytes(string name)
    {
        await using OpenModel model = await ModelReader.OpenAsync(new FolderModelSource(GoldenModels.Open(name).Folder), Cancellation);
        RecordingSink sink = new();
        List<LoadProgress> progress = [];

        await model.ReadAsync(sink, new SynchronousProgress(progress), cancellationToken: Cancellation);

        Assert.Equal(11 * model.Config.LayerCount + 2, sink.Announced.Count);
        Assert.Same(model.Tensors, sink.Announced);
        Assert.All(sink.Announced, tensor => Assert.False(tensor.HoldsFactor));
        foreach (TensorEntry tensor in sink.Announced)
        {
            ReadOnlySpan<byte> file = await File.ReadAllBytesAsync(Path.Combine(GoldenModels.Open(name).Folder, tensor.File), Cancellation);
            Assert.True(file.Slice((int)tensor.Offset, (int)tensor.Length).SequenceEqual(sink.Bytes(tensor.Name)), tensor.Name);
        }

        long total = sink.Announced.Sum(tensor => tensor.Length);
        Assert.Equal(new LoadProgress(total, total), progress[^1]);
    }

    [Fact]
    public async Task ReadAsync_TwoFiles_ReadsEachOnceToItsEndAndClosesIt()
    {
        MemoryModelSource source = Sharded();
        await new RecordingSink().ReadAsync(source);
        Assert.Equal(["config.json", "model.safetensors.index.json", First, Second], source.Opened);
        Assert.Equal(source.Opened.Order(), source.ReadToEnd.Order());
        Assert.Equal(source.Opened, source.Closed);
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task ReadAsync_SecondCopyOfTheEmbedding_IsPassedOver(bool inAnotherFile)
    {
        MemoryModelSource source = WithHead(inAnotherFile);
        await using OpenModel model = await ModelReader.OpenAsync(source, Cancellation);
        RecordingSink sink = new();
        await model.ReadAsync(sink, cancellationToken: Cancellation);
        Assert.DoesNotContain(sink.Announced, tensor => tensor.Name == TensorNames.Head);
        Assert.Equal(["lm_head.weight is the same as model.embed_tokens.weight, and left aside: one matrix does for both."], model.Description.Notes);
    }

    [Theory, InlineData(false, 0), InlineData(true, 479), InlineData(true, 959)]
    public async Task ReadAsync_OutputMatrixThatDiffersInOneByte_IsRead(bool inAnotherFile, int differs)
    {
        MemoryModelSource source = WithHead(inAnotherFile, differs);
        RecordingSink sink = new();
        await using (OpenModel model = await ModelReader.OpenAsync(source, Cancellation))
        {
            await model.ReadAsync(sink, cancellationToken: Cancellation);
            Assert.Equal(["lm_head.weight is another matrix than model.embed_tokens.weight: it is the output matrix."], model.Description.Notes);
        }
        byte[] expected = [.. sink.Bytes(TensorNames.Embedding)];
        expected[differs] ^= 1;
        Assert.Equal(expected, sink.Bytes(TensorNames.Head));
        Assert.Equal(source.Opened.Order(), source.Closed.Order());
    }

    [Fact]
    public async Task ReadAsync_OutputMatrixOfAnotherType_IsRead()
    {
        RecordingSink sink = new();
        await sink.ReadAsync(Single([.. Tensors(), ("lm_head.weight", TensorType.BF16, [40, 6])]));
        Assert.Contains(sink.Announced, tensor => tensor.Name == TensorNames.Head);
    }

    [Fact]
    public async Task ReadAsync_OtherTypesWhereTheyMayDiffer_AreRead()
    {
        RecordingSink sink = new();
        await sink.ReadAsync(Single(Retyped(TensorNames.Value(0), TensorNames.Up(0), TensorNames.Down(1), TensorNames.FinalNorm)));
        Assert.Equal(4, sink.Announced.Count(tensor => tensor.Type == TensorType.BF16));
    }

    [Fact]
    public async Task ReadAsync_TensorThatNoModelHas_IsRefused() =>
        await AssertRefusedAsync(Single([.. Tensors(), ("model.layers.2.mlp.up_proj.weight", TensorType.F32, [10, 6])]), "model.layers.2.mlp.up_proj.weight is no tensor of");

    [Fact]
    public async Task ReadAsync_HeadOfAnotherShape_IsRefused() =>
        await AssertRefusedAsync(Single([.. Tensors(), ("lm_head.weight", TensorType.F32, [41, 6])]), "lm_head.weight is [41, 6]; by config.json it must be [40, 6]");

    [Fact]
    public async Task ReadAsync_IndexThatPlacesATensorElsewhere_IsRefused() =>
        await AssertRefusedAsync(Sharded(index => index[TensorNames.FinalNorm] = First), $"{Second}: holds model.norm.weight, which model.safetensors.index.json does not place there");

    [Fact]
    public async Task ReadAsync_IndexThatLacksATensor_IsRefused() =>
        await AssertRefusedAsync(Sharded(index => index.Remove(TensorNames.FinalNorm)), $"{Second}: holds model.norm.weight, which");

    [Fact]
    public async Task ReadAsync_IndexWithATensorThatNoFileHolds_IsRefused() =>
        await AssertRefusedAsync(Sharded(index => index["a\nb"] = Second), $"{Second}: does not hold a?b, which");

    [Theory]
    [InlineData("/etc/passwd.safetensors"), InlineData("..\\a.safetensors"), InlineData("sub/a.safetensors"), InlineData("config.json"), InlineData("")]
    public async Task ReadAsync_IndexThatNamesNoPlainFile_IsRefused(string file) =>
        await AssertRefusedAsync(Sharded(index => index[TensorNames.FinalNorm] = file), "allowed is the plain name of a .safetensors file");

    [Fact]
    public async Task ReadAsync_NoWeights_IsRefused() =>
        await AssertRefusedAsync(Model(), "memory: has no weights: neither model.safetensors nor model.safetensors.index.json.");

    [Theory, InlineData("adapter_model.safetensors"), InlineData("adapter_model.bin")]
    public async Task ReadAsync_FolderOfAnAdapter_IsRefusedAsOne(string weights)
    {
        string reason = "memory: is a LoRA adapter and no model; name its model, and add the adapter to that (--lora, Gemma2__Lora).";
        await AssertRefusedAsync(new MemoryModelSource(("adapter_config.json", "{}"u8.ToArray()), (weights, [0])), reason);
        await AssertRefusedAsync(Model(("adapter_config.json", "{}"u8.ToArray()), (weights, [0])), reason);
    }

    [Fact]
    public async Task ReadAsync_ModelWithAnAdapterBesideIt_IsRead()
    {
        MemoryModelSource source = Single(Tensors());
        source.Files["adapter_config.json"] = source.Files["adapter_model.safetensors"] = [0];
        await new RecordingSink().ReadAsync(source);
        Assert.DoesNotContain("adapter_config.json", source.Opened);
    }

    [Fact]
    public async Task OpenAsync_FolderWithGenerationConfig_HasItsEndTokensAndSampling()
    {
        MemoryModelSource source = Single(Tensors());
        source.Files["generation_config.json"] = """{"eos_token_id": [1, 7, 107], "temperature": 0.5, "top_k": 64, "do_sample": true, "max_new_tokens": 20}"""u8.ToArray();
        await using OpenModel model = await ModelReader.OpenAsync(source, Cancellation);
        Assert.Equal([1, 7], model.Config.EndTokens);
        Assert.Equal(new SamplingDefaults(0.5, 64), model.Description.Sampling);
        Assert.Equal(
        [
            "memory/generation_config.json: max_new_tokens is left aside: how long an answer may get is the request's to say.",
            "memory/generation_config.json: eos_token_id names 107; the vocabulary has 40 tokens, so these never come.",
        ], model.Description.Notes);
    }

    [Fact]
    public async Task OpenAsync_MalformedGenerationConfig_IsRefused()
    {
        MemoryModelSource source = Single(Tensors());
        source.Files["generation_config.json"] = """{"temperature": "hot"}"""u8.ToArray();
        await AssertRefusedAsync(source, "memory/generation_config.json: temperature is \"hot\"; allowed is a number from 0 to 2.");
    }

    [Theory]
    [InlineData("{}"), InlineData("""{"weight_map": {}}"""), InlineData("""{"weight_map": ["a"]}"""), InlineData("""{"weight_map": {"a": 1}}""")]
    public async Task ReadAsync_IndexWithoutWeightMap_IsRefused(string index) =>
        await AssertRefusedAsync(Model(("model.safetensors.index.json", System.Text.Encoding.UTF8.GetBytes(index))), "model.safetensors.index.json: ");

    [Fact]
    public async Task ReadAsync_FileCutAfterItWasListed_IsRefused()
    {
        MemoryModelSource source = Single(Tensors());
        source.ListedLengths["model.safetensors"] = source.Files["model.safetensors"].Length;
        source.Files["model.safetensors"] = source.Files["model.safetensors"][..^5];
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => new RecordingSink().ReadAsync(source));
        Assert.Equal("memory/model.safetensors: ends before its listed length.", error.Message);
        Assert.Equal(source.Opened, source.Closed);
    }

    [Fact]
    public async Task ReadAsync_FileThatGrewAfterItWasListed_IsRefused()
    {
        MemoryModelSource source = Single(Tensors());
        source.ListedLengths["model.safetensors"] = source.Files["model.safetensors"].Length;
        source.Files["model.safetensors"] = [.. source.Files["model.safetensors"], 0];
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => new RecordingSink().ReadAsync(source));
        Assert.Equal("memory/model.safetensors: is longer than its listed length.", error.Message);
    }

    [Fact]
    public async Task ReadAsync_SourceThatFindsAWrongHash_Fails()
    {
        MemoryModelSource source = new(("config.json", SafetensorsWriter.ConfigJson(Tiny)), ("model.safetensors", SafetensorsWriter.Write(Tensors()))) { FailAtEnd = new ModelException("hash") };
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => new RecordingSink().ReadAsync(source));
        Assert.Equal("hash", error.Message);
    }

    [Fact]
    public async Task ReadAsync_DiskThatFails_NamesTheFile()
    {
        MemoryModelSource source = new(("config.json", SafetensorsWriter.ConfigJson(Tiny)), ("model.safetensors", SafetensorsWriter.Write(Tensors()))) { FailAtEnd = new IOException("bad sector") };
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => new RecordingSink().ReadAsync(source));
        Assert.Equal("memory/model.safetensors: cannot be read: bad sector", error.Message);
    }

    [Fact]
    public async Task ReadAsync_Cancelled_StopsAndClosesTheFiles()
    {
        using CancellationTokenSource cancellation = new();
        MemoryModelSource source = Sharded();
        List<LoadProgress> progress = [];
        Task read = new RecordingSink().ReadAsync(source, new SynchronousProgress(progress, cancellation.Cancel), cancellation.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
        Assert.Single(progress);
        Assert.Equal(source.Opened, source.Closed);
    }

    [Fact]
    public async Task ReadAsync_SinkThatFailsWhileTheNextPieceIsRead_WaitsForTheReadBeforeTheFileIsClosed()
    {
        SlowModelSource source = new(Single(Tensors()));
        await Assert.ThrowsAsync<NotSupportedException>(async () =>
        {
            await using OpenModel model = await ModelReader.OpenAsync(source, Cancellation);
            await model.ReadAsync(new FailingSink(), cancellationToken: Cancellation);
        });
        Assert.Equal(0, source.ClosedUnderReads);
    }

    [Fact]
    public async Task ReadAsync_ReadsThatTakeAWhile_GiveTheSameBytes()
    {
        RecordingSink quick = new(), slow = new();
        await quick.ReadAsync(Sharded());
        await slow.ReadAsync(new SlowModelSource(Sharded()));
        Assert.All(quick.Announced, tensor => Assert.Equal(quick.Bytes(tensor.Name), slow.Bytes(tensor.Name)));
    }

    [Fact]
    public async Task OpenAsync_NoConfig_IsRefused()
    {
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => ModelReader.OpenAsync(new MemoryModelSource(), Cancellation));
        Assert.Equal("memory: has no config.json.", error.Message);
    }

    [Fact]
    public async Task OpenAsync_HugeConfig_IsRefusedUnread()
    {
        MemoryModelSource source = new(("config.json", []));
        source.ListedLengths["config.json"] = long.MaxValue;
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => ModelReader.OpenAsync(source, Cancellation));
        Assert.Equal("memory/config.json: is 9223372036854775807 bytes long; allowed are at most 1048576.", error.Message);
        Assert.Empty(source.Opened);
    }

    private static List<(string Name, TensorType Type, long[] Shape)> Tensors() => SafetensorsWriter.Tensors(Tiny);

    private static List<(string Name, TensorType Type, long[] Shape)> Retyped(params string[] names) =>
        [.. Tensors().Select(tensor => names.Contains(tensor.Name) ? tensor with { Type = TensorType.BF16 } : tensor)];

    /// <summary>A model with an output matrix: the embedding again, but for one byte where that is said.</summary>
    private static MemoryModelSource WithHead(bool inAnotherFile, int? differs = null)
    {
        byte[] weights = SafetensorsWriter.Write(Tensors()), head = SafetensorsWriter.Write([("lm_head.weight", TensorType.F32, [40, 6])]);
        byte[] whole = SafetensorsWriter.Write([.. Tensors(), ("lm_head.weight", TensorType.F32, [40, 6])]);
        const int bytes = 40 * 6 * sizeof(float);
        ReadOnlySpan<byte> embedding = inAnotherFile ? DataOf(weights)[..bytes] : DataOf(whole)[..bytes];
        Span<byte> last = inAnotherFile ? head.AsSpan(^bytes..) : whole.AsSpan(^bytes..);
        embedding.CopyTo(last);
        if (differs is { } at) last[at] ^= 1;
        return inAnotherFile ? Model(("a.safetensors", weights), ("b.safetensors", head)) : Model(("model.safetensors", whole));
    }

    private static ReadOnlySpan<byte> DataOf(byte[] file) => file.AsSpan(8 + (int)BitConverter.ToInt64(file));

    private static MemoryModelSource Single(List<(string Name, TensorType Type, long[] Shape)> tensors) => Model(("model.safetensors", SafetensorsWriter.Write(tensors)));

    private static MemoryModelSource Model(params ReadOnlySpan<(string Name, byte[] Bytes)> files) => new([("config.json", SafetensorsWriter.ConfigJson(Tiny)), .. files]);

    private static MemoryModelSource Sharded(Action<Dictionary<string, string>>? changeIndex = null)
    {
        List<(string Name, TensorType Type, long[] Shape)> tensors = Tensors();
        Dictionary<string, string> index = tensors.Index().ToDictionary(tensor => tensor.Item.Name, tensor => tensor.Index < 15 ? First : Second);
        changeIndex?.Invoke(index);
        return Model(
            (First, SafetensorsWriter.Write(tensors.Take(15))),
            (Second, SafetensorsWriter.Write(tensors.Skip(15))),
            ("model.safetensors.index.json", JsonSerializer.SerializeToUtf8Bytes(new { weight_map = index })));
    }

    private static async Task AssertRefusedAsync(MemoryModelSource source, string reason)
    {
        RecordingSink sink = new();
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => sink.ReadAsync(source));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Empty(sink.Announced);
        Assert.Equal(source.Opened, source.Closed);
    }

    private sealed class FailingSink : ITensorSink
    {
        public void Begin(IReadOnlyList<TensorEntry> tensors)
        {
        }

        public void Write(TensorEntry tensor, long byteOffset, ReadOnlySpan<byte> bytes) => throw new NotSupportedException();
    }

    private sealed class SynchronousProgress(List<LoadProgress> reports, Action? afterReport = null) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value)
        {
            reports.Add(value);
            afterReport?.Invoke();
        }
    }
}
