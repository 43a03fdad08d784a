using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Gemma2.Backend.Adapters;
using Gemma2.Backend.Cache;
using Gemma2.Backend.Config;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Device;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Startup;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Engine;

/// <summary>A model in a device's memory, with one thread that owns the device.</summary>
public sealed class InferenceEngine : IInferenceEngine
{
    /// <summary>Longest context by default, and Gemma 2's own.</summary>
    public const int DefaultContextLength = 8192;

    /// <summary>Shortest context: one token of a prompt and one of an answer.</summary>
    public const int ShortestContextLength = 2;

    /// <summary>Most sequences that get their next token in one pass over the weights.</summary>
    public const int SequencesPerPass = StepLimits.DecodingRows;

    private readonly EngineResources _resources;
    private readonly Scheduler _scheduler;
    private readonly StepRunner _runner;
    private readonly Sampler _sampler;
    private readonly WaitingRoom _waitingRoom;
    private readonly StartupTimeline _timeline;
    private readonly DraftCounts _draftCounts = new();
    private EngineStatistics _statistics;
    private readonly ConcurrentQueue<Sequence> _arrived = new();
    private readonly Thread _thread;
    private readonly AutoResetEvent _work = new(false);
    private readonly ConcurrentQueue<TaskCompletionSource> _toCompile = new();
    private readonly CancellationTokenSource _stopping = new();
    private Task _sharing = Task.CompletedTask;
    private volatile Exception? _fault;

    private InferenceEngine(EngineResources resources, EngineOptions options, string modelName, ModelDescription description)
    {
        _resources = resources;
        _timeline = options.Timeline;
        ModelName = modelName;
        (Tokenizer, ChatTemplate, SamplingDefaults, Notes) = (description.Tokenizer, description.ChatTemplate, options.SamplingOf(description), description.Notes);
        _scheduler = resources.CreateScheduler();
        _runner = new StepRunner(resources.Forward, _scheduler, options.StepTimed);
        _waitingRoom = new WaitingRoom(options.MaxWaiting + options.MaxSequences, options.MaxWaitingTokens);
        _sampler = new Sampler(Config.VocabularySize);
        _thread = new Thread(Run) { IsBackground = true, Name = "inference" };
        _thread.Start();
    }

    /// <inheritdoc/>
    public string ModelName { get; }

    /// <inheritdoc/>
    public Gemma2Config Config => _resources.Config;

    /// <inheritdoc/>
    public GemmaTokenizer? Tokenizer { get; }

    /// <inheritdoc/>
    public ChatTemplate? ChatTemplate { get; }

    /// <inheritdoc/>
    public SamplingDefaults SamplingDefaults { get; }

    /// <summary>What was left aside or taken for granted while the model's files were read: a line each, mostly none.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <inheritdoc/>
    public int ContextLength => _resources.ContextLength;

    /// <inheritdoc/>
    public string Fingerprint => _resources.Fingerprint;

    /// <summary>The LoRA adapters that were added to the weights.</summary>
    public IReadOnlyList<Adapter> Adapters => _resources.Adapters;

    /// <summary>The device that computes.</summary>
    public DeviceDescription Device => _resources.Device.Description;

    /// <summary>The prompt of a warm-up: long enough to wake a GPU; on a CPU, which is awake, seconds of a large model's work for nothing.</summary>
    public int WarmUpTokens => Device.Kind == DeviceKind.Software ? 4 : 64;

    /// <summary>Bytes of the weights in device memory.</summary>
    public long WeightBytes => _resources.WeightBytes;

    /// <summary>How numbers are kept in the KV cache; never <see cref="KvCacheType.Auto"/>.</summary>
    public KvCacheType KvCacheType => _resources.KvCacheType;

    /// <summary>What is not as it should be on this device, for whoever runs the engine: a line each, mostly none.</summary>
    public IReadOnlyList<string> Warnings => _resources.Warnings;

    /// <summary>Tokens that the KV cache holds at once.</summary>
    public long CacheTokens => (long)_resources.Cache.Blocks / _resources.Cache.Groups.Windows.Count * BlockTable.Positions;

    /// <summary>Bytes of the KV cache in device memory.</summary>
    public long CacheBytes => _resources.Cache.Blocks * _resources.Cache.BlockBytes;

    /// <summary>What the engine is doing, as of the end of the last step, and has done so far.</summary>
    public EngineStatistics Statistics
    {
        get
        {
            lock (_draftCounts) return _statistics;
        }
    }

    /// <summary>Bytes of all device memory that is taken: weights, caches, activations.</summary>
    public long DeviceBytes => _resources.Device.AllocatedBytes;

    /// <summary>How many pipelines were made so far.</summary>
    internal int PipelineCount => _resources.Device.PipelineCount;

    /// <summary>What the validation layer reported so far.</summary>
    internal IReadOnlyCollection<string> ValidationReports => _resources.Device.ValidationReports;

    /// <summary>Reads a model into a device's memory and starts the engine.</summary>
    /// <param name="source">The model's files.</param>
    /// <param name="options">Device and sizes.</param>
    /// <param name="progress">Told of the bytes read, from any thread.</param>
    /// <param name="cancellationToken">Stops loading.</param>
    /// <exception cref="ModelException">The model cannot be used.</exception>
    /// <exception cref="DeviceException">No usable device, or not enough memory on it.</exception>
    public static async Task<InferenceEngine> LoadAsync(
        IModelSource source,
        EngineOptions options,
        IProgress<LoadProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        // Neither needs the other, and both take a while.
        await using var opening = new DeviceOpening(options, cancellationToken);
        StartupSpan reading = options.Timeline.Begin(StartupStages.Model);
        await using OpenModel model = await ModelReader.OpenAsync(source, cancellationToken).ConfigureAwait(false);
        if (options.ChatTemplate is { } template) model.UseChatTemplate(template);
        reading.Dispose();
        EngineResources resources = await EngineResources.LoadAsync(model, opening, options, progress, cancellationToken).ConfigureAwait(false);
        return new InferenceEngine(resources, options, source.Name, model.Description);
    }

    /// <inheritdoc/>
    public void EnsureRoom(GenerationRequest request)
    {
        if (request.Class == RequestClass.Interactive) _waitingRoom.Check(request.PromptTokens.Count);
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<GeneratedToken> GenerateAsync(GenerationRequest request, CancellationToken cancellationToken = default) =>
        ReadAsync(NewSequence(request), cancellationToken);

    /// <summary>Computes the logits after a prompt's last token.</summary>
    /// <param name="tokens">At least one token id.</param>
    /// <param name="cancellationToken">Stops within one step.</param>
    /// <returns>[vocabulary] logits after the softcap.</returns>
    /// <exception cref="InvalidRequestException">A token id or the length is not allowed.</exception>
    /// <exception cref="DeviceException">The device failed.</exception>
    public async Task<float[]> ComputeLogitsAsync(IReadOnlyList<int> tokens, CancellationToken cancellationToken = default)
    {
        var sequence = new LogitsSequence(CheckPrompt(tokens));
        Submit(sequence);
        try
        {
            return await sequence.Logits.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            sequence.Abandon();
        }
    }

    /// <summary>Lets the driver compile every shader that any request can need, whatever its length and however many run beside it.</summary>
    /// <exception cref="DeviceException">The device failed.</exception>
    public async Task CompileAsync(CancellationToken cancellationToken = default)
    {
        var compiled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ObjectDisposedException.ThrowIf(_stopping.IsCancellationRequested, this);
        _toCompile.Enqueue(compiled);
        _work.Set();
        if (_fault is Exception fault) throw fault;
        await compiled.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Compiles, see <see cref="CompileAsync"/>, then generates two tokens.</summary>
    /// <exception cref="GenerationException">The model computes no finite numbers.</exception>
    /// <exception cref="DeviceException">The device failed.</exception>
    public async Task WarmUpAsync(CancellationToken cancellationToken = default)
    {
        using StartupSpan warming = _timeline.Begin(StartupStages.Warm);
        await CompileAsync(cancellationToken).ConfigureAwait(false);
        var request = new GenerationRequest
        {
            PromptTokens = [.. Enumerable.Repeat(Config.BeginToken, Math.Min(WarmUpTokens, ContextLength - 1))],
            MaxTokens = 2,
            IgnoreEndTokens = true,
            Sampling = new SamplingOptions { Temperature = 0 },
        };
        await foreach (GeneratedToken token in GenerateAsync(request, cancellationToken).ConfigureAwait(false))
            _ = token;
    }

    /// <summary>Whether the device has room for another engine with a model, beside this one and with a cache as large.</summary>
    /// <param name="source">The model's files; their headers are read.</param>
    /// <param name="options">What that engine would be made with.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ModelException">The model cannot be used.</exception>
    public Task<bool> HasRoomBesideAsync(IModelSource source, EngineOptions options, CancellationToken cancellationToken = default) =>
        RoomBeside.IsEnoughAsync(_resources, source, options, cancellationToken);

    /// <summary>Lets other machines have the pipelines that were compiled here, where they lack some: see <see cref="Pipelines.PipelineOptions.Store"/>. Any thread may call it beside all that runs.</summary>
    /// <returns>Bytes that were sent.</returns>
    /// <exception cref="Gemma2Exception">The store failed.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled, or the engine was stopped.</exception>
    public async Task<long> SharePipelinesAsync(CancellationToken cancellationToken = default)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        Task<long> sharing = Task.Run(() => _resources.SharePipelinesAsync(stop.Token), stop.Token);
        _sharing = sharing;
        return await sharing.ConfigureAwait(false);
    }

    /// <summary>Stops the thread after the step that is running and frees the device. Sequences that are not finished are cancelled.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stopping.IsCancellationRequested) return;
        await _stopping.CancelAsync().ConfigureAwait(false);
        _work.Set();
        _thread.Join();
        await _sharing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _resources.Dispose();
        _work.Dispose();
    }

    private GenerationSequence NewSequence(GenerationRequest request)
    {
        request.Sampling.Validate(Config.VocabularySize);
        int[] prompt = CheckPrompt(request.PromptTokens);
        int room = ContextLength - prompt.Length;
        if (request.PromptLogProbabilities is < 0 or > SamplingOptions.MaxLogProbabilities)
            throw new InvalidRequestException("logprobs", $"logprobs is {request.PromptLogProbabilities}; allowed is 0 to {SamplingOptions.MaxLogProbabilities}.");
        if (request.MaxTokens < 1)
            throw new InvalidRequestException("max_tokens", $"max_tokens is {request.MaxTokens}; allowed is 1 or more.");
        if (room < 1)
            throw new InvalidRequestException("prompt", $"The prompt has {prompt.Length} tokens, which leaves no room in the context of {ContextLength}.");
        foreach (int token in request.StopTokens)
            if (!Config.HasToken(token))
                throw new InvalidRequestException("stop_token_ids", $"stop_token_ids has token id {token}; allowed are {Config.DescribeTokens()}.");
        IReadOnlyList<int> endTokens = [.. request.IgnoreEndTokens ? [] : Config.EndTokens, .. request.StopTokens];
        var decoding = new DecodingState(request.Sampling, prompt, endTokens, Config.VocabularySize, request.Mask);
        int maxTokens = Math.Min(request.MaxTokens ?? room, room);
        NgramDrafter? drafter = request.Drafts ? new NgramDrafter(prompt.Length + maxTokens) : null;
        return new GenerationSequence(prompt, maxTokens, decoding, _sampler, endTokens, request.Class, drafter, request.PromptLogProbabilities, _draftCounts);
    }

    private async IAsyncEnumerable<GeneratedToken> ReadAsync(GenerationSequence sequence, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        long asked = Stopwatch.GetTimestamp();
        cancellationToken.ThrowIfCancellationRequested();
        if (sequence.Class == RequestClass.Interactive) sequence.EnterWaitingRoom(_waitingRoom);
        Submit(sequence);
        try
        {
            await foreach (GeneratedToken token in sequence.Output.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                // The channel alone would first give all that has come already.
                cancellationToken.ThrowIfCancellationRequested();
                _timeline.GiveFirstToken(asked);
                yield return token;
            }
        }
        finally
        {
            sequence.Abandon();
        }
    }

    private int[] CheckPrompt(IReadOnlyList<int> tokens)
    {
        if (tokens.Count == 0)
            throw new InvalidRequestException("prompt", "The prompt is empty; at least one token is needed.");
        if (tokens.Count > ContextLength)
            throw new InvalidRequestException("prompt", $"The prompt has {tokens.Count} tokens; the context holds {ContextLength}.");
        foreach (int token in tokens)
        {
            // Spare rows are rows like others to whoever asks for them.
            if ((uint)token >= (uint)Config.VocabularySize)
                throw new InvalidRequestException("prompt", $"Token id {token} is outside the vocabulary: 0 to {Config.VocabularySize - 1}.");
        }
        return [.. tokens];
    }

    private void Submit(Sequence sequence)
    {
        ObjectDisposedException.ThrowIf(_stopping.IsCancellationRequested, this);
        _arrived.Enqueue(sequence);
        // Whichever comes last, this or the thread's own end, sees the other: no sequence is left without an answer.
        if (_fault is Exception fault) sequence.Complete(fault);
        else _work.Set();
    }

    private void Run()
    {
        try
        {
            while (!_stopping.IsCancellationRequested)
            {
                Compile();
                while (_arrived.TryDequeue(out Sequence? sequence)) _scheduler.Add(sequence);
                bool ran = _runner.RunOne();
                Count();
                if (!ran) _work.WaitOne();
            }
            _fault = new OperationCanceledException("The engine was stopped.");
        }
        catch (Exception e)
        {
            // The device, or the engine itself, is broken: whoever waits is told, and whoever comes later too.
            _fault = e is Gemma2Exception or OperationCanceledException ? e : new DeviceException($"The engine failed: {e.Message}", e);
        }
        _scheduler.FailAll(_fault);
        while (_arrived.TryDequeue(out Sequence? sequence)) sequence.Complete(_fault);
        while (_toCompile.TryDequeue(out TaskCompletionSource? waiting)) waiting.TrySetException(_fault);
    }

    private void Count()
    {
        EngineStatistics now = _scheduler.Statistics with { Steps = _runner.Steps, DraftedTokens = _draftCounts.Drafted, AcceptedTokens = _draftCounts.Accepted };
        lock (_draftCounts) _statistics = now;
    }

    private void Compile()
    {
        if (!_toCompile.TryPeek(out TaskCompletionSource? waiting)) return;
        _resources.Compile(_timeline, _stopping.Token);
        _toCompile.TryDequeue(out _);
        waiting.SetResult();
    }
}
