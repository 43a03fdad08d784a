using Gemma2.Backend.Adapters;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Text;
using Gemma2.Storage.Batches;

namespace Gemma2.Service.Options;

/// <summary>The app's settings: section <c>Gemma2</c>, in the environment <c>Gemma2__Model</c> and so on.</summary>
internal sealed record Gemma2Options
{
    /// <summary>The section's name.</summary>
    public const string Section = "Gemma2";

    /// <summary>
    /// The model to serve: <c>NAME</c> or <c>blob:NAME</c> in the container <c>models</c>, or a folder or .gguf file, which has a slash in
    /// its path (<c>./nano</c>). Needed.
    /// </summary>
    public required string Model { get; init; }

    /// <summary>Which Vulkan device: part of its name, or its index in <c>gemma2 devices</c>; left out picks the best.</summary>
    public string? Device { get; init; }

    /// <summary>Allow a device that is a CPU (lavapipe). Default false: in a container it means that the GPU was not found.</summary>
    public bool AllowSoftwareDevice { get; init; }

    /// <summary>Longest prompt plus answer in tokens, 1 to 8192; left out means the model's own limit.</summary>
    public int? ContextLength { get; init; }

    /// <summary>How many sequences are worked on at once, 1 to 256: requests, jobs and lines of batches together.</summary>
    public int MaxSequences { get; init; } = 32;

    /// <summary>How many jobs are taken from the queue at once, 1 to 256; under a Functions host its host.json says so.</summary>
    public int JobsAtOnce { get; init; } = 4;

    /// <summary>
    /// Bytes of device memory for the KV cache that they share, such as <c>8G</c> or <c>512M</c>; left out takes what all of them can need, as far as the memory that is left allows it.
    /// </summary>
    public long? KvCacheMemory { get; init; }

    /// <summary>Most bytes of memory for weights on their way from the files to the device, 64M or more.</summary>
    public long StagingMemory { get; init; } = ReadOptions.DefaultStagingMemory;

    /// <summary>How many HTTP requests may wait for their turn, 0 to 100000; more are answered with status 429.</summary>
    public int MaxWaitingRequests { get; init; } = 256;

    /// <summary>How many tokens the prompts of waiting HTTP requests may have together; more are answered with status 429.</summary>
    public int MaxWaitingTokens { get; init; } = 1 << 20;

    /// <summary>What a model is told that may call functions: a text in which <see cref="Grammars.Tools.ToolPrompt.Placeholder"/> stands for them.</summary>
    public string ToolPrompt { get; init; } = Grammars.Tools.ToolPrompt.Default;

    /// <summary>How conversations become prompts, instead of the template that came with the model.</summary>
    public ChatTemplateText? ChatTemplate { get; init; }

    /// <summary>Whether requests that do not say how tokens are picked get what the model's makers say: <c>auto</c>, or <c>none</c>: OpenAI's defaults.</summary>
    public GenerationConfigUse GenerationConfig { get; init; } = GenerationConfigUse.Auto;

    /// <summary>Quantize the matrices of a model that is not quantized while it is loaded: <c>q8_0</c>, <c>q4_k</c> ...; left out leaves them as they are.</summary>
    public WeightType? WeightType { get; init; }

    /// <summary>
    /// LoRA adapters that are added to the model's weights, separated by semicolons: <c>NAME</c> or <c>NAME:SCALE</c> of one in the container <c>models</c>, or of a folder or .gguf
    /// file, which has a slash in its path; none by default.
    /// </summary>
    public IReadOnlyList<AdapterReference> Lora { get; init; } = [];

    /// <summary>How numbers are kept in the KV cache: <c>auto</c> (<c>f16</c> for quantized weights, <c>f32</c> for others), <c>f16</c>, <c>f32</c> or <c>q8_0</c>.</summary>
    public KvCacheType KvCacheType { get; init; } = KvCacheType.Auto;

    /// <summary>Which families of matrix kernels may be used: <c>tiled</c> (this one) or <c>-coopmat,-int8</c> (none of these); left out lets the device decide.</summary>
    public KernelOptions Kernels { get; init; } = KernelOptions.Default;

    /// <summary>The keys that clients may send, as <c>NAME=KEY</c> or <c>KEY</c>, separated by commas; without any the app answers loopback clients only.</summary>
    public IReadOnlyList<ApiKey> ApiKeys { get; init; } = [];

    /// <summary>Without keys, answer every client: something in front of the app decides who may call. Needed to start without keys in a container.</summary>
    public bool AllowAnonymous { get; init; }

    /// <summary>The origins whose pages may call the API from a browser, see <see cref="CorsOrigin"/>; none by default.</summary>
    public IReadOnlyList<string> CorsOrigins { get; init; } = [];

    /// <summary>
    /// How long a request may take that generates nothing, in seconds from 1 to 600: what storage or anything else holds up longer is answered with status 503.
    /// Answers that are generated have a limit of their own; uploads, downloads and streams may go on as long as they move.
    /// </summary>
    public int RequestSeconds { get; init; } = 30;

    /// <summary>How long a request waits that comes before the model is ready, in seconds up to 3600; 0 answers it with status 503 at once.</summary>
    public int StartupWaitSeconds { get; init; } = 180;

    /// <summary>The key of <c>/admin/reload</c>; without it that route is not there.</summary>
    public AdminKey? AdminKey { get; init; }

    /// <summary>How many calls of <c>/v1</c> a key may make within a minute, of this process; 0 is no limit. Without keys all clients share it.</summary>
    public int RequestsPerMinute { get; init; }

    /// <summary>How many tokens, of prompts and answers, a key may ask for within a minute, of this process; 0 is no limit.</summary>
    public int TokensPerMinute { get; init; }

    /// <summary>Limits of single keys, by name, in place of these two.</summary>
    public IReadOnlyDictionary<string, RateLimit> KeyLimits { get; init; } = new Dictionary<string, RateLimit>();

    /// <summary>Whether these limits hold over all processes of the storage account together, instead of in each.</summary>
    public bool SharedLimits { get; init; }

    /// <summary>How many tokens, of prompts and answers, the lines of a key's batches may take within a minute, of this process; 0 is no limit. They wait for it.</summary>
    public int BatchTokensPerMinute { get; init; }

    /// <summary>How much keys may have in storage and in hand, by name; <see cref="KeyQuota.Others"/> stands for all that are not named.</summary>
    public IReadOnlyDictionary<string, KeyQuota> KeyQuotas { get; init; } = new Dictionary<string, KeyQuota>();

    /// <summary>How long a message is a worker's unless it is renewed, in seconds from 5 to 600: so soon another worker takes over from one that died.</summary>
    public int QueueLeaseSeconds { get; init; } = 60;

    /// <summary><see cref="QueueLeaseSeconds"/> as a time.</summary>
    public TimeSpan QueueLease => TimeSpan.FromSeconds(QueueLeaseSeconds);

    /// <summary>How long a chunk of a batch shall take one process, in seconds from 1 to 900.</summary>
    public int BatchChunkSeconds { get; init; } = 60;

    /// <summary>What tokens cost, <c>INPUT/OUTPUT CURRENCY</c> for a million of each; left out tells of no cost.</summary>
    public BatchPrice? Prices { get; init; }

    /// <summary>Who is told of the end of every batch that names nobody itself: an https address at one of <see cref="CallbackHosts"/>; left out tells nobody.</summary>
    public Uri? BatchWebhook { get; init; }

    /// <summary>After how many days, 1 to 3650, requests, results, responses, files and ended batches are deleted; left out keeps them.</summary>
    public int? RetentionDays { get; init; }

    /// <summary>The hosts that ended jobs may be posted to, see <see cref="CallbackHost"/>; none by default.</summary>
    public IReadOnlyList<string> CallbackHosts { get; init; } = [];

    /// <summary>What callbacks are signed with; without it they are not signed.</summary>
    public CallbackSecret? CallbackSecret { get; init; }

    /// <summary>Store what the driver compiled in storage, and start with what is there: new replicas then need not compile. Needs storage; without it each compiles for itself.</summary>
    public bool SharePipelines { get; init; } = true;

    /// <summary>A folder, on this machine's disk or on a share, where models of storage are kept for the next start; left out keeps none.</summary>
    public string? CacheFolder { get; init; }

    /// <summary>How many bytes the models in <see cref="CacheFolder"/> may have together, such as <c>40G</c>; left out allows half of the disk.</summary>
    public long? CacheSize { get; init; }

    /// <summary>What the engine is made with.</summary>
    public EngineOptions ToEngineOptions() => new()
    {
        Device = Device,
        AllowSoftwareDevice = AllowSoftwareDevice,
        ContextLength = ContextLength,
        MaxSequences = MaxSequences,
        KvCacheMemory = KvCacheMemory,
        StagingMemory = StagingMemory,
        MaxWaiting = MaxWaitingRequests,
        MaxWaitingTokens = MaxWaitingTokens,
        WeightType = WeightType,
        UsesSamplingDefaults = GenerationConfig == GenerationConfigUse.Auto,
        KvCacheType = KvCacheType,
        Kernels = Kernels,
        ChatTemplate = ChatTemplate,
    };
}
