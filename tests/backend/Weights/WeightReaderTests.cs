using System.Text.Json;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Startup;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Tests.Weights;

/// <summary>Blocks of weight files, several at once, in whatever order they come.</summary>
public sealed class WeightReaderTests
{
    private const string First = "model-1.safetensors", Second = "model-2.safetensors", Index = "model.safetensors.index.json";
    private const int BlockBytes = 1000;

    private static readonly Gemma2Config _config = Gemma2Config.Parse(
        """
        {"model_type": "gemma2", "vocab_size": 200, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "query_pre_attn_scalar": 8}
        """u8.ToArray(), "tiny");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory, InlineData(1), InlineData(7), InlineData(96), InlineData(999), InlineData(1536), InlineData(4096), InlineData(1 << 20)]
    public async Task ReadAsync_BlocksOfAnySize_GivesEachTensorsBytes(int blockBytes)
    {
        MemoryModelSource source = Model(blockBytes);
        RecordingSink sink = new();
        await sink.ReadAsync(source);
        AssertWhole(source, sink);
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public async Task ReadAsync_BlocksThatComeInNoOrder_GivesTheSameBytesAndHash(int seed)
    {
        MemoryModelSource source = Model();
        string expected = await HashAsync(source);
        HeldModelSource held = new(source);
        RecordingSink sink = new();
        HashingSink hashing = new(sink);
        Random random = new(seed);
        await using OpenModel model = await ModelReader.OpenAsync(held, Cancellation);
        held.Hold();

        Task reading = model.ReadAsync(hashing, cancellationToken: Cancellation);
        while (await held.HoldsAsync(1, unless: reading)) held.LetGo(random.Next);
        await reading;

        AssertWhole(source, sink);
        Assert.Equal(expected, hashing.Hash());
    }

    [Fact]
    public async Task ReadAsync_TheSameTensorsInOtherFiles_HasTheSameHash()
    {
        MemoryModelSource parts = Sharded(tensor => tensor < 9 ? First : Second);
        RecordingSink read = new();
        await read.ReadAsync(parts);
        HashingSink whole = new(new RecordingSink());
        TensorEntry[] tensors = [.. read.Announced.Reverse().Select(tensor => tensor with { File = "model.safetensors", Offset = 0 })];
        whole.Begin(tensors);
        foreach (TensorEntry tensor in tensors) whole.Write(tensor, 0, read.Bytes(tensor.Name));
        Assert.Equal(whole.Hash(), await HashAsync(parts));
    }

    [Theory, InlineData(9_000, 5), InlineData(40_000, 29), InlineData(1, 2), InlineData(long.MaxValue / 4, 0)]
    public async Task ReadAsync_SourceThatHoldsBlocksBack_AsksForNoMoreThanStagingMemoryAllows(long stagingMemory, int blocks)
    {
        if (blocks == 0) blocks = Math.Max(32, 4 * Environment.ProcessorCount);
        HeldModelSource held = new(Model());
        await using OpenModel model = await ModelReader.OpenAsync(held, Cancellation);
        held.Hold();
        Task reading = model.ReadAsync(new RecordingSink(), options: new ReadOptions { StagingMemory = stagingMemory }, cancellationToken: Cancellation);

        Assert.True(await held.HoldsAsync(blocks));
        for (int i = 0; i < 10; i++)
        {
            // Each that goes makes room for one.
            held.LetGo(count => count - 1);
            Assert.True(await held.HoldsAsync(blocks));
        }
        held.LetAllGo();
        await reading;

        Assert.Equal(blocks * BlockBytes, held.MostBytes);
    }

    [Fact]
    public async Task ReadAsync_SinkThatKeepsTheOrder_GoesNoFurtherThanItsMemoryAheadOfWhatIsMissing()
    {
        const int blocks = 5;
        HeldModelSource held = new(Model());
        RecordingSink sink = new() { KeepsOrder = true };
        await using OpenModel model = await ModelReader.OpenAsync(held, Cancellation);
        held.Hold();
        Task reading = model.ReadAsync(sink, options: new ReadOptions { StagingMemory = 9_000 }, cancellationToken: Cancellation);

        // All but the first come, and nothing more is asked for.
        Assert.True(await held.HoldsAsync(blocks));
        for (int i = 1; i < blocks; i++) held.LetGo(count => count - 1);
        Assert.False(await held.HoldsAsync(2, unless: Task.Delay(200, Cancellation)));
        Assert.Equal(blocks, held.Asked);
        held.LetGo(_ => 0);
        Assert.True(await held.HoldsAsync(blocks));
        held.LetAllGo();
        await reading;
    }

    [Theory, InlineData(0), InlineData(3), InlineData(20)]
    public async Task ReadAsync_BlockThatCannotBeRead_FailsWithItsErrorAndWaitsForTheOthers(int block)
    {
        MemoryModelSource source = Model();
        FailingModelSource failing = new(source, block);
        HeldModelSource held = new(failing);
        await using (OpenModel model = await ModelReader.OpenAsync(held, Cancellation))
        {
            failing.Begin();
            held.Hold();
            Task reading = model.ReadAsync(new RecordingSink(), cancellationToken: Cancellation);
            while (await held.HoldsAsync(1, unless: reading)) held.LetGo(count => count / 2);
            Assert.Equal("block is damaged", (await Assert.ThrowsAsync<ModelException>(() => reading)).Message);
        }
        Assert.Equal(0, held.ClosedUnderReads);
        Assert.Equal(source.Opened, source.Closed);
    }

    [Fact]
    public async Task ReadAsync_CancelledWhileBlocksAreOnTheirWay_WaitsForThem()
    {
        using CancellationTokenSource cancellation = new();
        HeldModelSource held = new(Model());
        await using (OpenModel model = await ModelReader.OpenAsync(held, Cancellation))
        {
            held.Hold();
            Task reading = model.ReadAsync(new RecordingSink(), cancellationToken: cancellation.Token);
            Assert.True(await held.HoldsAsync(8));
            await cancellation.CancelAsync();
            Assert.False(reading.IsCompleted);
            held.LetAllGo();
            Assert.Equal(cancellation.Token, (await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading)).CancellationToken);
        }
        Assert.Equal(0, held.ClosedUnderReads);
    }

    [Fact]
    public async Task ReadAsync_FilesInAnotherOrderThanTheirLayers_BeginsWithTheFirstLayer()
    {
        RecordingSink sink = new();
        await sink.ReadAsync(Sharded(tensor => tensor < 15 ? Second : First));
        Assert.Equal(Second, sink.Announced[0].File);
        Assert.Equal(TensorNames.Embedding, sink.Announced[0].Name);
        Assert.Equal(First, sink.Announced[^1].File);
    }

    [Fact]
    public async Task ReadAsync_ManyBlocks_ReportsProgressThatOnlyGrowsAndEachFilesTime()
    {
        MemoryModelSource source = Sharded(tensor => tensor < 15 ? First : Second);
        Reports reports = new();
        StartupTimeline timeline = StartupTimeline.FromNow();
        await new RecordingSink().ReadAsync(source, reports, options: new ReadOptions { Timeline = timeline });

        Assert.Equal(reports.All.Order(), reports.All);
        Assert.Equal(reports.All.Distinct(), reports.All);
        Assert.Equal([First, Second], timeline.Stages.Select(stage => stage.Of));
        foreach (StartupStage stage in timeline.Stages)
        {
            Assert.Equal(StartupStages.File, stage.Name);
            Assert.NotNull(stage.End);
            Assert.InRange(stage.Bytes, 1, source.Files[stage.Of!].Length);
        }
    }

    private static async Task<string> HashAsync(IModelSource source)
    {
        HashingSink sink = new(new RecordingSink());
        await using OpenModel model = await ModelReader.OpenAsync(source, Cancellation);
        await model.ReadAsync(sink, cancellationToken: Cancellation);
        return sink.Hash();
    }

    private static void AssertWhole(MemoryModelSource source, RecordingSink sink) => Assert.All(sink.Announced, tensor =>
        Assert.True(source.Files[tensor.File].AsSpan((int)tensor.Offset, (int)tensor.Length).SequenceEqual(sink.Bytes(tensor.Name)), tensor.Name));

    private static MemoryModelSource Model(int blockBytes = BlockBytes) =>
        new(("config.json", SafetensorsWriter.ConfigJson(_config)), ("model.safetensors", SafetensorsWriter.Write(SafetensorsWriter.Tensors(_config)))) { BlockBytes = blockBytes };

    private static MemoryModelSource Sharded(Func<int, string> fileOf)
    {
        (string Name, TensorType Type, long[] Shape)[] tensors = [.. SafetensorsWriter.Tensors(_config)];
        Dictionary<string, string> index = tensors.Index().ToDictionary(tensor => tensor.Item.Name, tensor => fileOf(tensor.Index));
        return new(
            ("config.json", SafetensorsWriter.ConfigJson(_config)),
            (First, SafetensorsWriter.Write(tensors.Where(tensor => index[tensor.Name] == First))),
            (Second, SafetensorsWriter.Write(tensors.Where(tensor => index[tensor.Name] == Second))),
            (Index, JsonSerializer.SerializeToUtf8Bytes(new { weight_map = index })))
        { BlockBytes = BlockBytes };
    }

    private sealed class Reports : IProgress<LoadProgress>
    {
        public List<long> All { get; } = [];

        public void Report(LoadProgress value) => All.Add(value.BytesLoaded);
    }

    /// <summary>Fails one of the reads after the headers.</summary>
    private sealed class FailingModelSource(IModelSource model, int block) : IModelSource
    {
        private int _left = int.MaxValue;

        public string Name => model.Name;

        public void Begin() => _left = block + 1;

        public ValueTask<IReadOnlyDictionary<string, long>> ListAsync(CancellationToken cancellationToken) => model.ListAsync(cancellationToken);

        public async ValueTask<IModelFile> OpenAsync(string file, CancellationToken cancellationToken) => new FailingFile(this, await model.OpenAsync(file, cancellationToken));

        private sealed class FailingFile(FailingModelSource source, IModelFile file) : IModelFile
        {
            public long Length => file.Length;

            public int BlockBytes => file.BlockBytes;

            public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken) =>
                Interlocked.Decrement(ref source._left) == 0 ? throw new ModelException("block is damaged") : file.ReadAsync(offset, buffer, cancellationToken);

            public ValueTask DisposeAsync() => file.DisposeAsync();
        }
    }
}
