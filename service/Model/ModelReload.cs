using Gemma2.Backend;

namespace Gemma2.Service.Model;

/// <summary>
/// Takes up a newer version of the model without a restart: beside the old one where the device has room for both, else after it. What began on the old version ends there; nothing is lost.
/// </summary>
internal sealed class ModelReload(ModelHost host, IEngineLoader loader, IHostApplicationLifetime lifetime, ILogger<ModelReload> log)
{
    private readonly Lock _lock = new();
    private ReloadState _state = new(ReloadStatus.None);

    /// <summary>The last reload, as it is now.</summary>
    public ReloadState State
    {
        get
        {
            lock (_lock)
                return _state;
        }
    }

    /// <summary>Begins a reload, which goes on whoever waits for it.</summary>
    /// <param name="force">Also where what is served is what is there.</param>
    /// <returns>The reload's end; null where one is running, or the first load is.</returns>
    public Task<ReloadState>? TryBegin(bool force)
    {
        LoadedModel? old;
        lock (_lock)
        {
            old = host.Current;
            if (_state.IsRunning || old is null)
                return null;
            _state = new ReloadState(ReloadStatus.Checking) { StartedAt = DateTimeOffset.UtcNow };
        }
        return Task.Run(() => RunAsync(old, force, lifetime.ApplicationStopping));
    }

    private async Task<ReloadState> RunAsync(LoadedModel old, bool force, CancellationToken stopping)
    {
        try
        {
            string? version = await loader.FindVersionAsync(stopping);
            if (!force && version is not null && version == old.Version)
                return End(ReloadStatus.Current);
            if (await loader.FitsBesideAsync(old.Engine, stopping) && await TryLoadBesideAsync(old, stopping))
                return End(ReloadStatus.Succeeded);
            await LoadAfterAsync(old, stopping);
            return End(ReloadStatus.Succeeded);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return End(ReloadStatus.Failed, "The app stops.");
        }
        catch (Exception error)
        {
            if (error is not Gemma2Exception)
                log.LogError(error, "Reloading failed");
            else
                log.LogWarning("The model was not reloaded, the old one stays. {Reason}", error.Message);
            return End(ReloadStatus.Failed, error is Gemma2Exception ? error.Message : "The server had an error while it loaded the model.");
        }
    }

    /// <summary>False where the device has less room than it seemed.</summary>
    private async Task<bool> TryLoadBesideAsync(LoadedModel old, CancellationToken stopping)
    {
        Go(ReloadStatus.Loading, isBeside: true);
        LoadedModel model;
        try
        {
            model = await host.LoadOnceAsync(stopping);
        }
        catch (DeviceException error) when (error.MayPass)
        {
            log.LogInformation("There is no room for another model beside the one that is served. {Reason}", error.Message);
            return false;
        }
        host.Replace(model);
        log.LogInformation("Model {Model} reloaded: {Old} is followed by {New}", model.Engine.ModelName, old.Engine.Fingerprint, model.Engine.Fingerprint);
        _ = FreeAsync(old, stopping);
        return true;
    }

    private async Task LoadAfterAsync(LoadedModel old, CancellationToken stopping)
    {
        // What is wrong with the new version is found out while the old one serves.
        Go(ReloadStatus.Checking, isBeside: false);
        await loader.CheckAsync(stopping);
        Go(ReloadStatus.Draining, isBeside: false);
        host.Withdraw();
        await FreeAsync(old, stopping);
        Go(ReloadStatus.Loading, isBeside: false);
        await host.LoadAsync(stopping);
        if (host.Engine is null)
            throw new ModelException("The new version could not be loaded, and the old one is gone: the app stops.");
    }

    /// <summary>Frees a version when the last that used it is done; whoever stops the app frees what is left.</summary>
    private async Task FreeAsync(LoadedModel old, CancellationToken stopping)
    {
        await old.RetireAsync(stopping);
        await old.DisposeAsync();
        log.LogInformation("The version {Old} is freed", old.Engine.Fingerprint);
    }

    private void Go(ReloadStatus status, bool isBeside)
    {
        lock (_lock)
            _state = _state with { Status = status, IsBeside = isBeside };
    }

    private ReloadState End(ReloadStatus status, string? error = null)
    {
        lock (_lock)
            return _state = _state with { Status = status, EndedAt = DateTimeOffset.UtcNow, Error = error };
    }
}
