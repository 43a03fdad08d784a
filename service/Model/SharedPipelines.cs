using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Service.Options;
using Gemma2.Storage;
using Gemma2.Storage.Pipelines;

namespace Gemma2.Service.Model;

/// <summary>What replicas compile for each other: a new one starts with what an earlier one stored, and the first one of a device, driver and build stores it.</summary>
internal sealed class SharedPipelines(Gemma2Options options, ILogger<SharedPipelines> log, StorageConnection? storage = null)
{
    // The first requests come before what is for later starts, and Mesa writes its files behind the scenes.
    private static readonly TimeSpan _delay = TimeSpan.FromSeconds(1);

    /// <summary>Options for an engine that compiles all while its weights are read, and gets from storage what is compiled already.</summary>
    public EngineOptions AddTo(EngineOptions engine) => engine with
    {
        Pipelines = engine.Pipelines with
        {
            CompileAll = true,
            Folder = options.CacheFolder is { } folder ? Path.Combine(folder, "pipelines") : engine.Pipelines.Folder,
            Store = options.SharePipelines && storage is not null ? new PipelineStore(storage) : null,
            Log = line => log.LogInformation("{Line}", line),
        },
    };

    /// <summary>Stores what an engine compiled, where storage lacks some of it, in the background: it fails without consequences, and ends with the engine.</summary>
    public void Share(InferenceEngine engine)
    {
        if (options.SharePipelines && storage is not null)
            _ = ShareAsync(engine);
    }

    private async Task ShareAsync(InferenceEngine engine)
    {
        try
        {
            await Task.Delay(_delay);
            long bytes = await engine.SharePipelinesAsync();
            if (bytes > 0)
                log.LogInformation("Compiled pipelines were stored for other replicas, {Kilobytes} KB", bytes >> 10);
        }
        catch (Exception error) when (error is Gemma2Exception or IOException or OperationCanceledException or ObjectDisposedException)
        {
            if (error is not OperationCanceledException and not ObjectDisposedException)
                log.LogWarning("Compiled pipelines could not be stored: {Reason}", error.Message);
        }
    }
}
