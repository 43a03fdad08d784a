using System.Runtime.CompilerServices;
using Gemma2.Backend;
using Gemma2.Backend.Adapters;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Startup;
using Gemma2.Service.Options;
using Gemma2.Service.Telemetry;
using Gemma2.Storage;
using Gemma2.Storage.Models;
using Gemma2.Storage.Models.Cache;

namespace Gemma2.Service.Model;

/// <summary>Brings the configured model onto the configured device, and beside it makes the containers and queues that are missing.</summary>
internal sealed class EngineLoader(
    Gemma2Options options, Startups startups, SharedPipelines pipelines, ModelGrammars grammars, IWarmUp warmUp, ILogger<EngineLoader> log, StorageConnection? storage = null) : IEngineLoader
{
    private readonly ConditionalWeakTable<IInferenceEngine, string> _versions = [];
    private readonly ModelCache? _cache = options.CacheFolder is { } folder ? new ModelCache(folder, options.CacheSize) : null;
    private bool _isProvisioned;

    /// <inheritdoc />
    public StartupTimeline? Timeline => startups.Current;

    /// <inheritdoc />
    public async Task<IInferenceEngine> LoadAsync(IProgress<LoadProgress> progress, CancellationToken cancellationToken)
    {
        StartupTimeline timeline = startups.Begin();
        using var load = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task provisioning = ProvisionAsync(load, cancellationToken);
        InferenceEngine? engine = null;
        try
        {
            engine = await LoadEngineAsync(timeline, progress, load.Token);
            await WarmUpAsync(engine, timeline, load.Token);
            await provisioning;
            startups.End(timeline, engine.ModelName);
            pipelines.Share(engine);
            return engine;
        }
        catch (Exception error)
        {
            if (engine is not null)
                await engine.DisposeAsync();
            // Storage failed, and ended the load.
            if (error is OperationCanceledException)
                await provisioning;
            await provisioning.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
    }

    /// <inheritdoc />
    public Task<string?> FindVersionAsync(CancellationToken cancellationToken) => ModelLocator.FindVersionAsync(options.Model, options.Lora, storage, cancellationToken);

    /// <inheritdoc />
    public string? VersionOf(IInferenceEngine engine) => _versions.TryGetValue(engine, out string? version) ? version : null;

    /// <inheritdoc />
    public async Task<bool> FitsBesideAsync(IInferenceEngine loaded, CancellationToken cancellationToken) =>
        loaded is InferenceEngine engine && await engine.HasRoomBesideAsync(Locate(), options.ToEngineOptions(), cancellationToken);

    /// <inheritdoc />
    public Task CheckAsync(CancellationToken cancellationToken) => ModelCheck.RunAsync(Locate(), LocateAdapters(), cancellationToken);

    private IModelSource Locate() => ModelLocator.Locate(options.Model, storage, _cache);

    private AdapterSource[] LocateAdapters() => [.. options.Lora.Select(adapter => ModelLocator.Locate(adapter, storage, _cache))];

    private async Task<InferenceEngine> LoadEngineAsync(StartupTimeline timeline, IProgress<LoadProgress> progress, CancellationToken cancellationToken)
    {
        IModelSource source = Locate();
        AdapterSource[] adapters = LocateAdapters();
        BlobModelSource? onlyStored = adapters.Length == 0 ? source as BlobModelSource : null;
        // Found before files are read: if some change meanwhile, the version is taken for an older one, and loaded again.
        string? version = onlyStored is not null ? null : await FindVersionAsync(cancellationToken);
        EngineOptions engineOptions = pipelines.AddTo(options.ToEngineOptions() with { Adapters = adapters, Timeline = timeline });
        InferenceEngine engine = await InferenceEngine.LoadAsync(source, engineOptions, progress, cancellationToken);
        version = onlyStored is not null ? onlyStored.Version : version;
        if (version is not null)
            _versions.Add(engine, version);
        foreach (Adapter adapter in engine.Adapters)
            log.LogInformation("LoRA adapter added: {Adapter}", adapter);
        foreach (string warning in engine.Warnings)
            log.LogWarning("{Warning}", warning);
        foreach (string note in engine.Notes)
            log.LogInformation("{Note}", note);
        if (engine.ChatTemplate?.Problem is { } unusable)
            log.LogWarning("{Problem}", unusable);
        if (_cache is not null)
            log.LogInformation("Model: {Megabytes} MB came from the cache in {Folder}", _cache.BytesRead >> 20, options.CacheFolder);
        if (_cache?.Problem is { } problem)
            log.LogWarning("{Problem}", problem);
        log.LogInformation(
            "KV cache: {Tokens} tokens in {Megabytes} MB of {Type}, for at most {Sequences} sequences at once",
            engine.CacheTokens, engine.CacheBytes >> 20, engine.KvCacheType, options.MaxSequences);
        if (engine.Tokenizer is not null)
            return engine;
        await engine.DisposeAsync();
        throw new ModelException($"Model '{engine.ModelName}' has no tokenizer.model, nor a vocabulary in a GGUF file: serving text needs one.");
    }

    private async Task WarmUpAsync(InferenceEngine engine, StartupTimeline timeline, CancellationToken cancellationToken)
    {
        using StartupSpan warming = timeline.Begin(StartupStages.Warm);
        await Task.WhenAll(engine.CompileAsync(cancellationToken), grammars.WarmUpAsync(engine, cancellationToken));
        await warmUp.WarmUpAsync(engine, engine.WarmUpTokens, cancellationToken);
    }

    /// <summary>Makes what is missing; where that fails, loading need not go on.</summary>
    private async Task ProvisionAsync(CancellationTokenSource load, CancellationToken cancellationToken)
    {
        if (storage is null || _isProvisioned)
            return;
        try
        {
            await StorageProvisioning.EnsureCreatedAsync(storage, cancellationToken);
            _isProvisioned = true;
        }
        catch (StorageException)
        {
            await load.CancelAsync();
            throw;
        }
    }
}
