using Gemma2.Backend.Adapters;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Device;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Kernels.Check;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Pipelines;
using Gemma2.Backend.Startup;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Engine;

/// <summary>What an engine is made with.</summary>
public sealed record EngineOptions
{
    /// <summary>Which device: part of its name, or its index in <c>gemma2 devices</c>; null picks the best.</summary>
    public string? Device { get; init; }

    /// <summary>Allow a device that is a CPU (lavapipe).</summary>
    public bool AllowSoftwareDevice { get; init; }

    /// <summary>Longest prompt plus answer, in tokens; null means the model's own limit, at most 8192.</summary>
    public int? ContextLength { get; init; }

    /// <summary>How many sequences are worked on at once.</summary>
    public int MaxSequences { get; init; } = 32;

    /// <summary>Bytes of device memory for the KV cache that they share; null takes what all of them can need, as far as the memory that is left allows it.</summary>
    public long? KvCacheMemory { get; init; }

    /// <summary>Find what prompts have in common with earlier ones in the cache instead of computing it again. The same bits either way; off for measurements.</summary>
    public bool ReusePrefixes { get; init; } = true;

    /// <summary>Most interactive requests that wait while <see cref="MaxSequences"/> run; more are refused.</summary>
    public int MaxWaiting { get; init; } = 256;

    /// <summary>Most tokens that the prompts of waiting interactive requests have together; more are refused.</summary>
    public int MaxWaitingTokens { get; init; } = 1 << 20;

    /// <summary>How numbers are kept in the KV cache.</summary>
    public KvCacheType KvCacheType { get; init; } = KvCacheType.Auto;

    /// <summary>
    /// Store the matrices of a model that is not quantized in another type while it is loaded; as in llama.cpp's presets, some get more bits. Null leaves them
    /// as they are.
    /// </summary>
    public WeightType? WeightType { get; init; }

    /// <summary>LoRA adapters whose product is added to the weights while these are loaded, in this order.</summary>
    public IReadOnlyList<AdapterSource> Adapters { get; init; } = [];

    /// <summary>Take what the model's makers say of how tokens are picked, for requests that say nothing.</summary>
    public bool UsesSamplingDefaults { get; init; } = true;

    /// <summary>Most bytes of memory for weights on their way from the files to the device.</summary>
    public long StagingMemory { get; init; } = ReadOptions.DefaultStagingMemory;

    /// <summary>How conversations become prompts, instead of the template that came with the model.</summary>
    public ChatTemplateText? ChatTemplate { get; init; }

    /// <summary>Which families of matrix kernels may be used.</summary>
    public KernelOptions Kernels { get; init; } = KernelOptions.Default;

    /// <summary>Told, by the engine's thread, of every step and how long each of its dispatches took; null times nothing.</summary>
    public Action<StepProfile>? StepTimed { get; init; }

    /// <summary>Told of the stages of loading.</summary>
    public StartupTimeline Timeline { get; init; } = StartupTimeline.FromNow();

    /// <summary>When pipelines are compiled, and where they are kept.</summary>
    public PipelineOptions Pipelines { get; init; } = new();

    /// <summary>What is taken of a model's own sampling.</summary>
    internal SamplingDefaults SamplingOf(ModelDescription model) => UsesSamplingDefaults ? model.Sampling : SamplingDefaults.None;

    /// <summary>Let matrix kernels compute something known before the model is loaded, see <see cref="FamilyCheck"/>.</summary>
    internal bool CheckKernels { get; init; } = true;

    /// <summary>Load the Khronos validation layer; tests look at what it reported.</summary>
    internal bool Validation { get; init; }

    /// <summary>Told of the device before anything is made on it; tests let it fail, and look at what is left on it.</summary>
    internal Action<GpuDevice>? DeviceOpened { get; init; }

    /// <summary>Never map the device's own memory; tests make a CPU device load weights as a large GPU does.</summary>
    internal bool HideDeviceMemory { get; init; }
}
