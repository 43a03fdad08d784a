using System.Diagnostics;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Service.Api;
using Gemma2.Service.Lifetime;

namespace Gemma2.Service.Model;

/// <summary>Loads the model in the background while the app already listens, and then holds it for all who need it.</summary>
internal sealed class ModelHost(IEngineLoader loader, FatalStop fatalStop, ILogger<ModelHost> log)
    : BackgroundService, IProgress<LoadProgress>, IAsyncDisposable
{
    private readonly TaskCompletionSource<IInferenceEngine> _engine = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private LoadProgress _progress;

    /// <summary>How far loading is.</summary>
    public LoadProgress Progress
    {
        get
        {
            lock (_engine)
                return _progress;
        }
    }

    /// <summary>When the weights became resident.</summary>
    public DateTimeOffset LoadedAt { get; private set; }

    /// <summary>The loaded model, or null while its weights are not resident.</summary>
    public IInferenceEngine? Engine => _engine.Task.IsCompletedSuccessfully ? _engine.Task.Result : null;

    /// <summary>The loaded model.</summary>
    /// <exception cref="ApiException">Status 503: it is not loaded yet.</exception>
    public IInferenceEngine RequireEngine() =>
        Engine ?? throw new ApiException(ApiError.ModelLoading($"{Progress.BytesLoaded} of {Progress.BytesTotal} bytes"));

    /// <summary>The loaded model, by its name.</summary>
    /// <exception cref="ApiException">Status 503: it is not loaded yet; 404: it has another name.</exception>
    public IInferenceEngine RequireEngine(string name) => RequireEngine() is var engine && engine.ModelName == name
        ? engine
        : throw new ApiException(ApiError.ModelNotFound(RequestFields.Quote(name), engine.ModelName));

    /// <summary>Waits for the loaded model.</summary>
    /// <exception cref="OperationCanceledException">The app stops, or loading failed and the app therefore stops.</exception>
    public Task<IInferenceEngine> WaitForEngineAsync(CancellationToken cancellationToken) => _engine.Task.WaitAsync(cancellationToken);

    void IProgress<LoadProgress>.Report(LoadProgress value)
    {
        lock (_engine)
            _progress = value;
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            // Loading begins with blocking calls into the driver: the app must not wait for them before it listens.
            IInferenceEngine engine = await Task.Run(() => loader.LoadAsync(this, stoppingToken), stoppingToken);
            LoadedAt = DateTimeOffset.UtcNow;
            _engine.SetResult(engine);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            log.LogInformation("Model {Model} loaded in {Seconds:0.0} s, context {ContextLength}", engine.ModelName, seconds, engine.ContextLength);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            _engine.TrySetCanceled(stoppingToken);
        }
        catch (Exception exception)
        {
            if (exception is not Gemma2Exception)
                log.LogError(exception, "Loading failed");
            _engine.TrySetCanceled(CancellationToken.None);
            fatalStop.Stop($"The model could not be loaded. {exception.Message}");
        }
    }

    /// <summary>Frees the device, after all that used it has stopped.</summary>
    public async ValueTask DisposeAsync()
    {
        base.Dispose();
        if (Engine is { } engine)
            await engine.DisposeAsync();
    }
}
