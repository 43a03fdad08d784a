using Gemma2.Backend.Adapters;
using Gemma2.Backend.Cache;
using Gemma2.Backend.Config;
using Gemma2.Backend.Device;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Kernels.Check;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Model;
using Gemma2.Backend.Startup;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Quantization;

namespace Gemma2.Backend.Engine;

/// <summary>What an engine holds on its device: weights, the KV cache, a forward pass.</summary>
internal sealed class EngineResources : IDisposable
{
    private readonly ModelWeights _weights;
    private readonly StepBudget _budget;
    private readonly EnginePipelines _pipelines;
    private readonly KernelSet _kernels;
    private bool _isCompiled;

    private EngineResources(
        GpuDevice device,
        EnginePipelines pipelines,
        Gemma2Config config,
        ModelWeights weights,
        long weightBytes,
        int contextLength,
        KvCacheType kvCacheType,
        KernelSet kernels,
        EngineOptions options)
    {
        _pipelines = pipelines;
        WeightBytes = weightBytes;
        KvCacheType = kvCacheType;
        Device = device;
        Config = config;
        _weights = weights;
        ContextLength = contextLength;
        _kernels = kernels;
        TensorType cacheType = kvCacheType.ToTensorType();
        Slots = options.MaxSequences;
        _budget = StepBudget.For(device.Description.Kind) with { ReusesPrefixes = options.ReusePrefixes };
        Cache = new KvCache(device, config, ForwardPass.ShapeOf(config), cacheType, CacheSize.Blocks(device, config, kvCacheType, contextLength, options));
        Forward = new ForwardPass(device, config, weights, Cache, Slots, contextLength, kernels, options.StepTimed is not null);
    }

    public GpuDevice Device { get; }

    public Gemma2Config Config { get; }

    public int ContextLength { get; }

    public long WeightBytes { get; }

    public KvCacheType KvCacheType { get; }

    /// <summary>See <see cref="IInferenceEngine.Fingerprint"/>.</summary>
    public string Fingerprint { get; private set; } = "";

    /// <summary>The adapters that were added to the weights.</summary>
    public IReadOnlyList<Adapter> Adapters { get; private set; } = [];

    /// <summary>What is not as it should be, a line each.</summary>
    public IReadOnlyList<string> Warnings => [.. _kernels.Matrices.Warnings, .. _kernels.Warnings];

    public ForwardPass Forward { get; }

    public KvCache Cache { get; }

    /// <summary>Sequences that may run at once.</summary>
    public int Slots { get; }

    /// <summary>A scheduler of its own sequences over the whole cache.</summary>
    public Scheduler CreateScheduler() => new(new BlockPool(Cache.Blocks), Cache.Groups.Windows, Slots, _budget);

    /// <summary>Brings a model onto a device: memory first, then pipelines are compiled while weights come.</summary>
    /// <param name="model">The model.</param>
    /// <param name="opening">The device.</param>
    /// <param name="options">Sizes.</param>
    /// <param name="progress">Told how far the reading is.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="ModelException">The model cannot be used.</exception>
    /// <exception cref="DeviceException">There is no device, or it failed.</exception>
    public static async Task<EngineResources> LoadAsync(
        OpenModel model, DeviceOpening opening, EngineOptions options, IProgress<LoadProgress>? progress, CancellationToken cancellationToken)
    {
        int contextLength = ResolveContextLength(model.Config, options);
        if (options.MaxSequences < 1)
            throw new InvalidRequestException(nameof(options.MaxSequences), $"MaxSequences is {options.MaxSequences}; allowed is 1 or more.");
        AdapterSet adapters = await AdapterSet.LoadAsync(options.Adapters, model, cancellationToken).ConfigureAwait(false);
        IReadOnlyList<TensorEntry> tensors = adapters.TensorsOf(model.TensorsAs(options.WeightType));
        KvCacheType kvCacheType = options.KvCacheType.For(tensors.Select(tensor => tensor.Type));
        GpuDevice device = await opening.TakeAsync().ConfigureAwait(false);
        try
        {
            options.DeviceOpened?.Invoke(device);
            var kernels = new KernelSet(
                device,
                model.Config,
                tensors.First(tensor => tensor.Name == TensorNames.Embedding).Type,
                kvCacheType.ToTensorType(),
                new MatrixKernels(device, options.Kernels),
                MatrixUses.MultipliesGatesApart(model.Config, tensors));
            var reading = new ReadOptions { StagingMemory = options.StagingMemory, Timeline = options.Timeline };
            using var uploader = new WeightUploader(device, model.Config, reading.CopyMemory);
            var stored = new HashingSink(uploader);
            var allocated = new TaskCompletionSource<EngineResources>(TaskCreationOptions.RunContinuationsAsynchronously);
            ITensorSink typed = options.WeightType is { } type ? new QuantizingSink(stored, model.MixOf(type).TypeOf) : stored;
            var sink = new BegunSink(adapters.Before(typed, widens: options.WeightType is not null), options.Timeline, () =>
            {
                long weightBytes = MemoryEstimate.Of(model.Config, tensors, contextLength, kvCacheType).WeightBytes;
                allocated.SetResult(new EngineResources(device, opening.Pipelines, model.Config, uploader.Weights, weightBytes, contextLength, kvCacheType, kernels, options));
            });
            await BothTasks.RunAsync(
                async stop =>
                {
                    await model.ReadAsync(sink, progress, reading, stop).ConfigureAwait(false);
                    uploader.Finish();
                    sink.Dispose();
                },
                async stop =>
                {
                    EngineResources resources = await allocated.Task.WaitAsync(stop).ConfigureAwait(false);
                    await Task.Run(() => resources.PrepareKernels(tensors, options, stop), stop).ConfigureAwait(false);
                },
                cancellationToken).ConfigureAwait(false);
            EngineResources loaded = await allocated.Task.ConfigureAwait(false);
            loaded.Adapters = adapters.Adapters;
            loaded.Fingerprint = new EngineFingerprint(stored.Hash(), model.Config, model.Description.ChatTemplate, model.Tokenizer, options.SamplingOf(model.Description), kvCacheType, kernels).ToString();
            return loaded;
        }
        catch
        {
            // With all that was made on it.
            device.Dispose();
            throw;
        }
    }

    /// <summary>Lets the driver compile every pipeline that a request can need, unless it did, and keeps what it compiled.</summary>
    public void Compile(StartupTimeline timeline, CancellationToken cancellationToken)
    {
        if (_isCompiled) return;
        using StartupSpan compiling = timeline.Begin(StartupStages.Pipelines);
        Forward.Compile(ContextLength, cancellationToken);
        _pipelines.Save(Device);
        _isCompiled = true;
    }

    /// <summary>Lets other machines have what was compiled.</summary>
    /// <returns>Bytes that were sent.</returns>
    public Task<long> SharePipelinesAsync(CancellationToken cancellationToken) => _pipelines.ShareAsync(Device, cancellationToken);

    public void Dispose()
    {
        Device.WaitIdle();
        _pipelines.Save(Device);
        Forward.Dispose();
        Cache.Dispose();
        _weights.Dispose();
        Device.Dispose();
    }

    /// <summary>Compiles what is wanted, by all cores, and then lets the kernels compute something known. What computes wrongly gives way to others, which are compiled in turn.</summary>
    private void PrepareKernels(IReadOnlyList<TensorEntry> tensors, EngineOptions options, CancellationToken cancellationToken)
    {
        if (options.Pipelines.CompileAll) Compile(options.Timeline, cancellationToken);
        if (!options.CheckKernels) return;
        using (options.Timeline.Begin(StartupStages.Check))
        {
            new FamilyCheck(Device, _kernels.Matrices).RunOnce(MatrixUses.Of(Config, tensors), _pipelines.Checks, cancellationToken);
            _kernels.CheckOnce(_pipelines.Checks, cancellationToken);
            _pipelines.Save(Device);
        }
        if (Warnings.Count == 0) return;
        _isCompiled = false;
        if (options.Pipelines.CompileAll) Compile(options.Timeline, cancellationToken);
    }

    private static int ResolveContextLength(Gemma2Config config, EngineOptions options)
    {
        int wanted = options.ContextLength ?? Math.Min(config.MaxPositions, InferenceEngine.DefaultContextLength);
        if (wanted < InferenceEngine.ShortestContextLength || wanted > config.MaxPositions)
        {
            throw new InvalidRequestException(
                nameof(options.ContextLength),
                $"The context length is {wanted}; this model allows {InferenceEngine.ShortestContextLength} to {config.MaxPositions}.");
        }
        return wanted;
    }
}
