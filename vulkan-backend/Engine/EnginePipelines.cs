using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Check;
using Gemma2.Backend.Pipelines;
using Gemma2.Backend.Startup;

namespace Gemma2.Backend.Engine;

/// <summary>What the driver compiles for an engine: restored before the device is opened, kept when all is compiled, and shared with other machines.</summary>
/// <param name="options">Where it is kept.</param>
/// <param name="timeline">Told how long it took to fetch it.</param>
internal sealed class EnginePipelines(PipelineOptions options, StartupTimeline timeline)
{
    private readonly Lock _lock = new();
    private PipelineFolder _folder = new(root: null, key: "");
    private PipelineArchive? _archive;
    private StoredPipelines? _stored;
    private bool _isStoreKnown;

    /// <summary>Which checks of kernels passed on the device.</summary>
    public CheckMemory Checks => CheckMemory.Of(_folder.Checks);

    /// <summary>What was compiled on a device before, here or on another machine. Call when it is chosen and not yet opened: its driver may read files that come with it.</summary>
    public CompiledShaders? Restore(DeviceDescription device, CancellationToken cancellationToken)
    {
        _folder = FolderOf(PipelineKey.Of(device));
        _archive = new PipelineArchive(_folder, MesaShaderCache.Use(device, _folder.Mesa));
        if (_folder.TryRead() is { } kept) return kept;
        if (options.Store is null || _folder.Path is null) return null;
        using StartupSpan fetching = timeline.Begin(StartupStages.Cache, "pipelines");
        Fetch(options.Store, fetching, cancellationToken);
        return _folder.TryRead();
    }

    /// <summary>Keeps what was compiled, beside what others kept meanwhile. Nothing is lost but time where that cannot be.</summary>
    public void Save(GpuDevice device)
    {
        if (_folder.Compiled is not null && device.PipelineCache.HasGrown) Save(device, others: null);
    }

    /// <summary>Lets other machines have what was compiled, where they lack some of it.</summary>
    /// <returns>Bytes that were sent; 0 where there was nothing new, or another machine was faster.</returns>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public async Task<long> ShareAsync(GpuDevice device, CancellationToken cancellationToken)
    {
        if (options.Store is not { } store || _archive is null || _folder.Path is null) return 0;
        if (!_isStoreKnown) _stored = await store.TryReadAsync(_folder.Key, cancellationToken).ConfigureAwait(false);
        _isStoreKnown = true;
        PipelineEntries? theirs = _stored is null ? null : PipelineEntries.TryOpen(_folder.Key, _stored.Archive);
        CompiledShaders? compiledThere = theirs?.CompiledOf(_folder.Key);
        CompiledShaders all = Save(device, compiledThere);
        await _archive.SettleAsync(cancellationToken).ConfigureAwait(false);
        bool hasMore = theirs is null || compiledThere is null || all.Count > compiledThere.Count || all.Driver.Length > compiledThere.Driver.Length || _archive.HasMoreThan(theirs);
        if (!hasMore || _archive.TryPack() is not { } archive) return 0;
        return await store.TryWriteAsync(_folder.Key, archive, _stored?.Version, cancellationToken).ConfigureAwait(false) ? archive.Length : 0;
    }

    // What comes from elsewhere needs some place: a container's disk may be read-only but for this.
    private PipelineFolder FolderOf(string key)
    {
        var folder = new PipelineFolder(options.Folder, key);
        if (folder.TryTouch() || options is { Folder: null } or { Store: null }) return folder;
        try
        {
            return PipelineFolder.Temporary(key);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return folder;
        }
    }

    private CompiledShaders Save(GpuDevice device, CompiledShaders? others)
    {
        lock (_lock)
        {
            CompiledShaders all = device.PipelineCache.Read([.. new[] { _folder.TryRead(), others }.OfType<CompiledShaders>()]);
            if (_folder.TryWrite(all)) return all;
            // Others' may be too much, or the disk has no room.
            CompiledShaders own = device.PipelineCache.Read([]);
            _folder.TryWrite(own);
            return own;
        }
    }

    /// <summary>Fetches what another machine compiled, if it comes soon: starting without it is slower, and no more than that.</summary>
    private void Fetch(IPipelineStore store, StartupSpan span, CancellationToken cancellationToken)
    {
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        soon.CancelAfter(options.StoreWait);
        try
        {
            // The device's thread has nothing else to do.
            _stored = store.TryReadAsync(_folder.Key, soon.Token).WaitAsync(soon.Token).GetAwaiter().GetResult();
            _isStoreKnown = true;
            if (_stored is null)
            {
                options.Log?.Invoke($"No compiled pipelines are stored for {_folder.Key}: they are compiled here");
                return;
            }
            span.Add(_stored.Archive.Length);
            string outcome = PipelineEntries.TryOpen(_folder.Key, _stored.Archive) is not { } entries ? "are damaged, and are compiled anew"
                : _archive!.TryUnpack(entries) ? $"were fetched, {_stored.Archive.Length >> 10} KB"
                : "cannot be written to this machine's disk, and are compiled anew";
            options.Log?.Invoke($"The compiled pipelines {_folder.Key} {outcome}");
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested && error is Gemma2Exception or OperationCanceledException or IOException)
        {
            string reason = error is OperationCanceledException ? $"no answer within {options.StoreWait.TotalSeconds:0.##} s" : error.Message;
            options.Log?.Invoke($"Compiled pipelines could not be fetched, and are compiled here: {reason}");
        }
    }
}
