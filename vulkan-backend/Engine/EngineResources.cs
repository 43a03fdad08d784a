using Gemma2.Backend.Cache;
using Gemma2.Backend.Config;
using Gemma2.Backend.Device;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Kernels.Check;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Model;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Quantization;

namespace Gemma2.Backend.Engine;

/// <summary>What an engine holds on its device: weights, the KV cache, a forward pass.</summary>
internal sealed class EngineResources : IDisposable
{
    private readonly ModelWeights _weights;
    private readonly StepBudget _budget;

    private EngineResources(
        GpuDevice device,
        Gemma2Config config,
        ModelWeights weights,
        long weightBytes,
        int contextLength,
        KvCacheType kvCacheType,
        KernelSet kernels,
        string fingerprint,
        EngineOptions options)
    {
        Fingerprint = fingerprint;
        WeightBytes = weightBytes;
        KvCacheType = kvCacheType;
        Device = device;
        Config = config;
        _weights = weights;
        ContextLength = contextLength;
        Warnings = [.. kernels.Matrices.Warnings, .. kernels.Warnings];
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
    public string Fingerprint { get; }

    /// <summary>What is not as it should be, a line each.</summary>
    public IReadOnlyList<string> Warnings { get; }

    public ForwardPass Forward { get; }

    public KvCache Cache { get; }

    /// <summary>Sequences that may run at once.</summary>
    public int Slots { get; }

    /// <summary>A scheduler of its own sequences over the whole cache.</summary>
    public Scheduler CreateScheduler() => new(new BlockPool(Cache.Blocks), Cache.Groups.Windows, Slots, _budget);

    public static async Task<EngineResources> LoadAsync(
        OpenModel model,
        EngineOptions options,
        IProgress<LoadProgress>? progress,
        CancellationToken cancellationToken)
    {
        int contextLength = ResolveContextLength(model.Config, options);
        if (options.MaxSequences < 1)
            throw new InvalidRequestException(nameof(options.MaxSequences), $"MaxSequences is {options.MaxSequences}; allowed is 1 or more.");
        IReadOnlyList<TensorEntry> tensors = model.TensorsAs(options.WeightType);
        KvCacheType kvCacheType = options.KvCacheType.For(tensors.Select(tensor => tensor.Type));
        GpuDevice device = GpuDevice.Open(options.Device, options.AllowSoftwareDevice, options.Validation, options.HideDeviceMemory);
        try
        {
            options.DeviceOpened?.Invoke(device);
            // Before all weights are read.
            var matrices = new MatrixKernels(device, options.Kernels);
            var kernels = new KernelSet(device, model.Config, tensors.First(tensor => tensor.Name == TensorNames.Embedding).Type, kvCacheType.ToTensorType(), matrices);
            if (options.CheckKernels)
            {
                new FamilyCheck(device, matrices).RunOnce(MatrixUses.Of(model.Config, tensors), CheckMemory.Default);
                kernels.CheckOnce(CheckMemory.Default);
            }
            using var uploader = new WeightUploader(device, model.Config);
            var stored = new HashingSink(uploader);
            ITensorSink sink = options.WeightType is { } type ? new QuantizingSink(stored, new WeightMix(type, model.Config).TypeOf) : stored;
            await model.ReadAsync(sink, progress, cancellationToken).ConfigureAwait(false);
            ModelWeights weights = uploader.Finish();
            long weightBytes = MemoryEstimate.Of(model.Config, tensors, contextLength, kvCacheType).WeightBytes;
            string fingerprint = new EngineFingerprint(stored.Hash(), model.Config, model.Tokenizer, kvCacheType, kernels).ToString();
            return new EngineResources(device, model.Config, weights, weightBytes, contextLength, kvCacheType, kernels, fingerprint, options);
        }
        catch
        {
            // With all that was made on it.
            device.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Device.WaitIdle();
        Forward.Dispose();
        Cache.Dispose();
        _weights.Dispose();
        Device.Dispose();
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
