using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Pipelines;
using Gemma2.Backend.Tests.Pipelines;
using Gemma2.Golden;
using Gemma2.Testing;

namespace Gemma2.Backend.Tests.Engine;

public sealed class EnginePipelinesTests : EngineTest, IDisposable
{
    private static readonly int[] _prompt = [2, 10, 20, 30, 40];

    private readonly TemporaryFolder _root = new();
    private readonly List<string> _log = [];

    public void Dispose() => _root.Dispose();

    [Fact]
    public async Task LoadAsync_SecondTime_CompilesNothingAndAnswersTheSame()
    {
        Run first = await RunAsync("here"), second = await RunAsync("here");

        Assert.True(first.Misses > 0, "The driver's own cache counts no misses.");
        Assert.Equal(0, second.Misses);
        Assert.Equal(first.Pipelines, second.Pipelines);
        Assert.Equal(first.Tokens, second.Tokens);
    }

    [Fact]
    public async Task LoadAsync_DamagedOrForeignFile_IsCompiledAnew()
    {
        Run first = await RunAsync("here");
        string compiled = Assert.Single(Directory.GetFiles(_root.Below("here"), "compiled", SearchOption.AllDirectories));
        byte[] bytes = File.ReadAllBytes(compiled);
        foreach (byte[] damaged in (byte[][])[[], bytes[..^1], [.. bytes[..(bytes.Length / 2)], (byte)(bytes[bytes.Length / 2] ^ 1), .. bytes[((bytes.Length / 2) + 1)..]], SealedBytes.Seal("another", [0, 0, 0, 0])])
        {
            File.WriteAllBytes(compiled, damaged);
            Run again = await RunAsync("here");
            Assert.Equal((first.Misses, first.Pipelines), (again.Misses, again.Pipelines));
            Assert.Equal(first.Tokens, again.Tokens);
            Assert.Equal(0, (await RunAsync("here")).Misses);
        }
    }

    [Fact]
    public async Task LoadAsync_BinariesThatTheDriverDoesNotTake_AreCompiledAnew()
    {
        Run first = await RunAsync("here");
        string compiled = Assert.Single(Directory.GetFiles(_root.Below("here"), "compiled", SearchOption.AllDirectories)), key = Path.GetFileName(Path.GetDirectoryName(compiled)!);
        byte[] content = SealedBytes.TryOpen(key, File.ReadAllBytes(compiled))!.Value.ToArray();
        // The driver's own hash of each binary no longer fits.
        for (int i = 200; i < content.Length; i += 1000) content[i] ^= 1;
        File.WriteAllBytes(compiled, SealedBytes.Seal(key, content));

        Run again = await RunAsync("here");

        Assert.Equal(first.Tokens, again.Tokens);
        Assert.InRange(again.Misses, 1, first.Misses);
    }

    [Fact]
    public async Task LoadAsync_NoFolder_LoadsAndSharesNothing()
    {
        Run run = await RunAsync(new PipelineOptions { CompileAll = true, Folder = null, Store = new MemoryPipelineStore(), Log = _log.Add }, share: true);

        Assert.Equal(0, run.Shared);
        Assert.Empty(_log);
    }

    [Fact]
    public async Task LoadAsync_FolderThatCannotBeWritten_SharesAllTheSame()
    {
        var options = new PipelineOptions { CompileAll = true, Folder = "/proc/no-such-folder", Store = new MemoryPipelineStore(), Log = _log.Add };

        Run first = await RunAsync(options, share: true), second = await RunAsync(options, share: true);

        Assert.True(first.Shared > 0);
        Assert.Equal((0, 0), (second.Misses, second.Shared));
    }

    [Fact]
    public async Task ShareAsync_FirstMachine_LetsTheNextStartWarm()
    {
        var store = new MemoryPipelineStore();

        Run first = await RunAsync("here", store, share: true);
        Assert.Contains("are compiled here", Assert.Single(_log), StringComparison.Ordinal);
        Run second = await RunAsync("there", store, share: true);

        Assert.True(first.Shared > 0);
        Assert.Equal(store.Archives.Values.Single().Archive.Length, first.Shared);
        Assert.Equal((0, 0), (second.Misses, second.Shared));
        Assert.Equal(first.Tokens, second.Tokens);
        Assert.Contains("were fetched", _log[1], StringComparison.Ordinal);
        // Kernels that passed need no check on the next machine either.
        Assert.Equal(Checks("here"), Checks("there"));
    }

    [Fact]
    public async Task ShareAsync_ArchiveThatIsDamaged_IsReplaced()
    {
        var store = new MemoryPipelineStore();
        await RunAsync("here", store, share: true);
        string key = store.Archives.Keys.Single();
        byte[] archive = store.Archives[key].Archive.ToArray();
        archive[^5] ^= 4;
        store.Archives[key] = new StoredPipelines(archive, "damaged");

        Run second = await RunAsync("there", store, share: true), third = await RunAsync("elsewhere", store, share: true);

        Assert.True(second.Misses > 0);
        Assert.True(second.Shared > 0);
        Assert.Contains(_log, line => line.Contains("damaged", StringComparison.Ordinal));
        Assert.Equal((0, 0), (third.Misses, third.Shared));
    }

    [Fact]
    public async Task ShareAsync_AnotherModelOnTheSameDevice_AddsItsOwn()
    {
        var store = new MemoryPipelineStore();
        await RunAsync("here", store, share: true);
        Run other = await RunAsync("there", store, share: true, model: GoldenModels.Open("b-gqa-hd32").Folder);

        Assert.True(other.Misses > 0);
        Assert.True(other.Shared > 0);
        Assert.Single(store.Archives);
        Assert.Equal((0, 0), await MissesAsync("third", store, GoldenModels.Open("a-base").Folder));
        Assert.Equal((0, 0), await MissesAsync("fourth", store, GoldenModels.Open("b-gqa-hd32").Folder));
    }

    [Fact]
    public async Task ShareAsync_AnotherMachineWasFaster_LeavesItsArchive()
    {
        var store = new MemoryPipelineStore();
        var options = new PipelineOptions { CompileAll = true, Folder = _root.Below("here"), Store = store };
        await using InferenceEngine engine = await LoadAsync(GoldenModels.Open("a-base").Folder, Options(options));
        await engine.WarmUpAsync(Cancellation);
        var theirs = new StoredPipelines(new byte[] { 1 }, "theirs");
        store.Archives[Path.GetFileName(Assert.Single(Directory.GetDirectories(_root.Below("here"))))] = theirs;

        Assert.Equal(0, await engine.SharePipelinesAsync(Cancellation));

        Assert.Same(theirs, store.Archives.Values.Single());
    }

    [Fact]
    public async Task LoadAsync_StoreThatHangsOrFails_LoadsWithoutIt()
    {
        var hanging = new MemoryPipelineStore { BeforeRead = _ => Task.Delay(Timeout.Infinite, CancellationToken.None) };
        var failing = new MemoryPipelineStore { BeforeRead = _ => throw new ModelException("out of order") };
        foreach (MemoryPipelineStore store in (MemoryPipelineStore[])[hanging, failing])
        {
            var options = new PipelineOptions { CompileAll = true, Folder = _root.Below($"{_log.Count}"), Store = store, StoreWait = TimeSpan.FromMilliseconds(50), Log = _log.Add };
            Assert.True((await RunAsync(options)).Pipelines > 0);
        }

        Assert.Equal(2, _log.Count);
        Assert.Contains("no answer within 0.05 s", _log[0], StringComparison.Ordinal);
        Assert.Contains("out of order", _log[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task LoadAsync_FolderThatHasThem_DoesNotAskTheStore()
    {
        var store = new MemoryPipelineStore();
        await RunAsync("here", store);
        await RunAsync("here", store);

        Assert.Equal(1, store.Reads);
    }

    [Fact]
    public async Task LoadAsync_CancelledWhileItCompiles_LeavesNothingOnTheDevice()
    {
        Machine.NeedsDevice();
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        GpuDevice? device = null;
        EngineOptions options = Options(new PipelineOptions { CompileAll = true, Folder = _root.Below("here") }) with { AllowSoftwareDevice = true, DeviceOpened = opened => device = opened };

        // The first bytes come when compiling has begun.
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => InferenceEngine.LoadAsync(new FolderModelSource(GoldenModels.Open("a-base").Folder), options, new Call(cancel.Cancel), cancel.Token));

        Assert.Equal((0, 0), (device!.ObjectCount, device.AllocatedBytes));
    }

    [Fact]
    public async Task LoadAsync_ThatFailsWhileItCompiles_LeavesNothingOnTheDevice()
    {
        GpuDevice? device = null;
        var pipelines = new PipelineOptions { CompileAll = true, Folder = _root.Below("here") };
        string model = GoldenModels.Open("a-base").Folder;
        EngineOptions options = Options(pipelines) with { CheckKernels = false };
        (await LoadResourcesAsync(model, options with { DeviceOpened = opened => device = opened })).Dispose();
        long made = device!.MadeCount;

        for (long object_ = made; object_ > made - 20; object_--)
        {
            long failAt = object_;
            var error = await Assert.ThrowsAsync<DeviceException>(() => LoadResourcesAsync(model, options with { DeviceOpened = opened => (device = opened).FailAt = failAt }));
            Assert.Contains($"no more than {failAt - 1} objects", error.Message, StringComparison.Ordinal);
            Assert.Equal((0, 0), (device.ObjectCount, device.AllocatedBytes));
        }
    }

    [Fact]
    public async Task Logits_OfShaderObjectsAndOfPipelines_AreTheSameBits()
    {
        string model = GoldenModels.Open("a-base").Folder;
        var options = new EngineOptions { MaxSequences = 1 };
        await using InferenceEngine objects = await LoadAsync(model, options);
        await using InferenceEngine pipelines = await LoadAsync(model, options with { Validation = true });

        Assert.Equal(await pipelines.ComputeLogitsAsync(_prompt, Cancellation), await objects.ComputeLogitsAsync(_prompt, Cancellation));
    }

    private static EngineOptions Options(PipelineOptions pipelines) => new() { MaxSequences = 2, ContextLength = 64, Pipelines = pipelines };

    private Task<Run> RunAsync(string folder, MemoryPipelineStore? store = null, bool share = false, string? model = null) =>
        RunAsync(new PipelineOptions { CompileAll = true, Folder = _root.Below(folder), Store = store, Log = _log.Add }, share, model);

    private static async Task<Run> RunAsync(PipelineOptions pipelines, bool share = false, string? model = null)
    {
        GpuDevice? device = null;
        await using InferenceEngine engine = await LoadAsync(model ?? GoldenModels.Open("a-base").Folder, Options(pipelines) with { DeviceOpened = opened => device = opened });
        await engine.WarmUpAsync(Cancellation);
        int misses = device!.PipelineCache.Misses;
        List<int> tokens = await GenerateAsync(engine, new GenerationRequest { PromptTokens = _prompt, MaxTokens = 8, Sampling = new() { Temperature = 0 } });
        return new Run(misses, engine.PipelineCount, tokens, share ? await engine.SharePipelinesAsync(Cancellation) : 0);
    }

    private async Task<(int Misses, long Shared)> MissesAsync(string folder, MemoryPipelineStore store, string model)
    {
        Run run = await RunAsync(folder, store, share: true, model);
        return (run.Misses, run.Shared);
    }

    private string[] Checks(string folder) => [.. Directory.GetFiles(_root.Below(folder), "*", SearchOption.AllDirectories).Select(Path.GetFileName).OfType<string>().Where(name => name.Length == 32).Order()];

    /// <summary>Calls when bytes were read.</summary>
    private sealed class Call(Action action) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value) => action();
    }

    /// <param name="Misses">Shaders that were compiled although they could have been kept.</param>
    /// <param name="Pipelines">Pipelines in all.</param>
    /// <param name="Tokens">What the model says.</param>
    /// <param name="Shared">Bytes that were stored.</param>
    private sealed record Run(int Misses, int Pipelines, List<int> Tokens, long Shared);
}
