using System.Diagnostics;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Startup;
using Gemma2.Service.Api;
using Gemma2.Service.Lifetime;

namespace Gemma2.Service.Model;

/// <summary>
/// Loads the model in the background while the app already listens, and then holds it for all who need it. Another version may take its place: who computes has a lease of the engine that it began with.
/// </summary>
internal sealed class ModelHost(IEngineLoader loader, LoadRetry retry, FatalStop fatalStop, ILogger<ModelHost> log)
    : BackgroundService, IProgress<LoadProgress>, IAsyncDisposable
{
    // They are over before the load begins, or beside it.
    private static readonly string[] NotOfTheLoad = [StartupStages.Runtime, StartupStages.Host, StartupStages.FirstToken];

    private readonly Lock _lock = new();
    private TaskCompletionSource<LoadedModel> _ready = NotReady();
    private LoadProgress _progress;
    private LoadFailure? _lastFailure;

    /// <summary>How far loading is.</summary>
    public LoadProgress Progress
    {
        get
        {
            lock (_lock)
                return _progress;
        }
    }

    /// <summary>The last try to load that failed; null where none did since the model was ready.</summary>
    public LoadFailure? LastFailure
    {
        get
        {
            lock (_lock)
                return _lastFailure;
        }
    }

    /// <summary>The stage of loading that was begun first of those that run; null while none does.</summary>
    public string? Stage => loader.Timeline?.Stages.FirstOrDefault(stage => stage.End is null && !NotOfTheLoad.Contains(stage.Name))?.Name;

    /// <summary>The version that is served; null while none is.</summary>
    public LoadedModel? Current
    {
        get
        {
            lock (_lock)
                return _ready.Task.IsCompletedSuccessfully ? _ready.Task.Result : null;
        }
    }

    /// <summary>The loaded model, to be looked at; null while there is none. Who computes takes a lease.</summary>
    public IInferenceEngine? Engine => Current?.Engine;

    /// <summary>The loaded model in use; null while there is none.</summary>
    public EngineLease? TryTake()
    {
        // One that was retired in between has a successor already, or none yet.
        while (Current is { } model)
            if (model.TryTake() is { } lease)
                return lease;
        return null;
    }

    /// <summary>The loaded model in use.</summary>
    /// <exception cref="ApiException">Status 503: it is not loaded yet.</exception>
    public EngineLease Take() => TryTake() ?? throw StillLoading();

    /// <summary>Waits for the loaded model, and takes it into use.</summary>
    /// <exception cref="OperationCanceledException">The app stops, or loading failed and the app therefore stops.</exception>
    public async Task<EngineLease> TakeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await WaitForEngineAsync(cancellationToken);
            if (TryTake() is { } lease)
                return lease;
        }
    }

    /// <summary>The version that is served.</summary>
    /// <exception cref="ApiException">Status 503: there is none yet.</exception>
    public LoadedModel RequireCurrent() => Current ?? throw StillLoading();

    /// <summary>Waits for the loaded model, which is to be looked at.</summary>
    /// <exception cref="OperationCanceledException">The app stops, or loading failed and the app therefore stops.</exception>
    public async Task<IInferenceEngine> WaitForEngineAsync(CancellationToken cancellationToken)
    {
        Task<LoadedModel> ready;
        lock (_lock)
            ready = _ready.Task;
        return (await ready.WaitAsync(cancellationToken)).Engine;
    }

    /// <summary>What a client is told for whom the model comes too late.</summary>
    public ApiException StillLoading()
    {
        (LoadProgress progress, string? stage) = (Progress, Stage);
        string state = $"{(stage is null ? "" : $"stage {stage}, ")}{progress.BytesLoaded} of {progress.BytesTotal} bytes";
        return new ApiException(ApiError.ModelLoading(LastFailure is { } failure ? $"{state}; {failure.Tries} tries failed, the last because: {failure.Message.TrimEnd('.')}" : state));
    }

    /// <summary>Lets a version take the place of the one before; gives that one, which new work does not get any more.</summary>
    public LoadedModel? Replace(LoadedModel model)
    {
        lock (_lock)
        {
            LoadedModel? before = Current;
            if (before is not null)
                _ready = NotReady();
            _ready.SetResult(model);
            _lastFailure = null;
            return before;
        }
    }

    /// <summary>From here on there is no model: whoever needs one waits.</summary>
    public LoadedModel? Withdraw()
    {
        lock (_lock)
        {
            LoadedModel? before = Current;
            if (before is not null)
                _ready = NotReady();
            return before;
        }
    }

    /// <summary>Loads until it succeeds, or fails in a way that stays: then the app stops.</summary>
    /// <exception cref="OperationCanceledException">The app stops.</exception>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            LoadedModel model = await LoadWithRetriesAsync(cancellationToken);
            Replace(model);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            log.LogInformation("Model {Model} loaded in {Seconds:0.0} s, context {ContextLength}", model.Engine.ModelName, seconds, model.Engine.ContextLength);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            End(cancellationToken);
            throw;
        }
        catch (Exception exception)
        {
            if (exception is not Gemma2Exception)
                log.LogError(exception, "Loading failed");
            End(CancellationToken.None);
            fatalStop.Stop($"The model could not be loaded. {exception.Message}");
        }
    }

    /// <summary>Loads once.</summary>
    public async Task<LoadedModel> LoadOnceAsync(CancellationToken cancellationToken)
    {
        // Loading begins with blocking calls into the driver: the app must not wait for them before it listens.
        IInferenceEngine engine = await Task.Run(() => loader.LoadAsync(this, cancellationToken), cancellationToken);
        return new LoadedModel(engine, loader.VersionOf(engine));
    }

    void IProgress<LoadProgress>.Report(LoadProgress value)
    {
        lock (_lock)
            _progress = value;
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await LoadAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The app stops.
        }
    }

    /// <summary>Frees the device, after all that used it has stopped.</summary>
    public async ValueTask DisposeAsync()
    {
        base.Dispose();
        if (Current is { } model)
            await model.DisposeAsync();
    }

    private static TaskCompletionSource<LoadedModel> NotReady() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task<LoadedModel> LoadWithRetriesAsync(CancellationToken cancellationToken)
    {
        var damaged = new DamagedVersion(retry.ReadsOfAVersion);
        for (int tries = 1; ; tries++)
        {
            try
            {
                return await LoadOnceAsync(cancellationToken);
            }
            catch (Exception error) when (!cancellationToken.IsCancellationRequested && retry.After(error, tries) is { } wait)
            {
                Note(error, tries, wait);
                string? version = error is ModelException ? await FindVersionAsync(cancellationToken) : null;
                bool isHopeless = damaged.Count(version);
                do
                    await Task.Delay(wait, cancellationToken);
                while (isHopeless && await FindVersionAsync(cancellationToken) == version);
            }
        }
    }

    private void Note(Exception error, int tries, TimeSpan wait)
    {
        log.LogWarning("The model could not be loaded (try {Try}); the next one is in {Seconds:0.0} s. {Reason}", tries, wait.TotalSeconds, error.Message);
        lock (_lock)
        {
            _lastFailure = new LoadFailure(error.Message, tries, DateTimeOffset.UtcNow, wait);
            _progress = default;
        }
    }

    /// <summary>The version, which loading does without where it cannot be found.</summary>
    private async Task<string?> FindVersionAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await loader.FindVersionAsync(cancellationToken);
        }
        catch (Gemma2Exception)
        {
            return null;
        }
    }

    private void End(CancellationToken cancellationToken)
    {
        lock (_lock)
            _ready.TrySetCanceled(cancellationToken);
    }

    /// <summary>Counts how often one version was read in vain.</summary>
    private sealed class DamagedVersion(int most)
    {
        private string? _version;
        private int _reads;

        /// <summary>True when another version is to be waited for.</summary>
        public bool Count(string? version)
        {
            _reads = version is not null && version == _version ? _reads + 1 : 1;
            _version = version;
            return version is not null && _reads >= most;
        }
    }
}
