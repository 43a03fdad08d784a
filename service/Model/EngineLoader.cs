using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Startup;
using Gemma2.Service.Options;
using Gemma2.Service.Telemetry;
using Gemma2.Storage;

namespace Gemma2.Service.Model;

/// <summary>Brings the configured model onto the configured device, and before it the containers and queues that are missing.</summary>
internal sealed class EngineLoader(Gemma2Options options, Startups startups, SharedPipelines pipelines, ILogger<EngineLoader> log, StorageConnection? storage = null) : IEngineLoader
{
    /// <inheritdoc />
    public async Task<IInferenceEngine> LoadAsync(IProgress<LoadProgress> progress, CancellationToken cancellationToken)
    {
        StartupTimeline timeline = startups.Begin();
        if (storage is not null)
            await StorageProvisioning.EnsureCreatedAsync(storage, cancellationToken);
        EngineOptions engineOptions = pipelines.AddTo(options.ToEngineOptions() with { Timeline = timeline });
        InferenceEngine engine = await InferenceEngine.LoadAsync(ModelLocator.Locate(options.Model, storage), engineOptions, progress, cancellationToken);
        foreach (string warning in engine.Warnings)
            log.LogWarning("{Warning}", warning);
        try
        {
            if (engine.Tokenizer is null)
                throw new ModelException($"Model '{engine.ModelName}' has no tokenizer.model, nor a vocabulary in a GGUF file: serving text needs one.");
            // The first request shall not wait for the driver's compiler.
            await engine.WarmUpAsync(cancellationToken);
            startups.End(timeline, engine.ModelName);
            log.LogInformation(
                "KV cache: {Tokens} tokens in {Megabytes} MB of {Type}, for at most {Sequences} sequences at once",
                engine.CacheTokens, engine.CacheBytes >> 20, engine.KvCacheType, options.MaxSequences);
            pipelines.Share(engine);
            return engine;
        }
        catch
        {
            await engine.DisposeAsync();
            throw;
        }
    }
}
