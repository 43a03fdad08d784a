using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace Gemma2.Storage.Batches;

/// <summary>
/// The markers of batches that have not ended: <c>_active/KEY</c>, empty blobs whose metadata says what workers must know to choose among batches, in one call
/// for all of them.
/// </summary>
/// <param name="connection">The storage account.</param>
public sealed class BatchMarkers(StorageConnection connection)
{
    // In seconds since 1970.
    private const string ExpiresKey = "expires";
    private const string ChunksKey = "chunks";
    private const string SplittingKey = "splitting";
    private const string InputKey = "input";

    private readonly BlobContainerClient _container = connection.Blobs.GetBlobContainerClient(StorageNames.Batches);

    /// <summary>All batches that have not ended, in the order of their keys.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<IReadOnlyList<ActiveBatch>> ListAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<BlobItem> markers = await BatchListing.ListAsync(connection, BatchBlobs.ActivePrefix, cancellationToken);
        return [.. markers.Select(marker => TryRead(marker.Name, marker.Metadata, marker.Properties.LastModified, marker.Properties.ETag)).OfType<ActiveBatch>()];
    }

    /// <summary>A batch's marker; null when there is none: the batch has ended, or there is no such batch.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<ActiveBatch?> TryReadAsync(OwnedId key, CancellationToken cancellationToken)
    {
        string name = BatchBlobs.Active(key);
        try
        {
            BlobProperties there = await RunAsync(name, async (blob, token) => (await blob.GetPropertiesAsync(cancellationToken: token)).Value, cancellationToken);
            return TryRead(name, there.Metadata, there.LastModified, there.ETag);
        }
        catch (StorageException e) when (e.IsMissing)
        {
            return null;
        }
    }

    /// <summary>Says that this worker splits a batch now. Of all who saw the same marker one does: false for the others.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task<bool> TryBeginSplitAsync(ActiveBatch batch, CancellationToken cancellationToken) =>
        TryChangeAsync(batch with { IsBeingSplit = true }, cancellationToken);

    /// <summary>Says that all chunks of a batch are queued.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task NoteQueuedAsync(BatchRecord batch, CancellationToken cancellationToken) =>
        TryChangeAsync(new ActiveBatch(batch.Key, batch.ExpiresAt, batch.ChunkCount, false, default) { Input = batch.InputFileId }, cancellationToken);

    /// <summary>Marks a new batch.</summary>
    internal Task CreateAsync(BatchRecord batch, CancellationToken cancellationToken) => SmallBlobs.WriteOnceAsync(
        connection, StorageNames.Batches, BatchBlobs.Active(batch.Key), ReadOnlyMemory<byte>.Empty, cancellationToken,
        Metadata(new ActiveBatch(batch.Key, batch.ExpiresAt, 0, false, default) { Input = batch.InputFileId }));

    /// <summary>Makes a marker a new version of itself. Of all who saw the same one, one does: false for the others.</summary>
    internal Task<bool> TryTouchAsync(ActiveBatch batch, CancellationToken cancellationToken) => TryChangeAsync(batch, cancellationToken);

    private static ActiveBatch? TryRead(string name, IDictionary<string, string> metadata, DateTimeOffset? changedAt, Azure.ETag? version)
    {
        if (BatchBlobs.TryParseKey(name[BatchBlobs.ActivePrefix.Length..]) is not { } key) return null;
        var expires = DateTimeOffset.FromUnixTimeSeconds(Math.Min(BlobNumbers.Read(metadata, ExpiresKey), DateTimeOffset.MaxValue.ToUnixTimeSeconds()));
        int chunks = (int)Math.Min(BlobNumbers.Read(metadata, ChunksKey), int.MaxValue);
        return new ActiveBatch(key, expires, chunks, metadata.ContainsKey(SplittingKey), changedAt.GetValueOrDefault())
        {
            Input = metadata.TryGetValue(InputKey, out string? input) ? input : null,
            Version = version,
        };
    }

    private static Dictionary<string, string> Metadata(ActiveBatch batch)
    {
        var metadata = new Dictionary<string, string>();
        BlobNumbers.Write(metadata, ExpiresKey, batch.ExpiresAt.ToUnixTimeSeconds());
        if (batch.Chunks > 0) BlobNumbers.Write(metadata, ChunksKey, batch.Chunks);
        if (batch.IsBeingSplit) metadata[SplittingKey] = "1";
        if (batch.Input is not null) metadata[InputKey] = batch.Input;
        return metadata;
    }

    /// <summary>Writes a marker's metadata if it is the version that was read. False when it is not, which may be this call's own doing with its reply lost.</summary>
    private async Task<bool> TryChangeAsync(ActiveBatch batch, CancellationToken cancellationToken)
    {
        var unchanged = new BlobRequestConditions { IfMatch = batch.Version };
        try
        {
            await RunAsync(BatchBlobs.Active(batch.Key), (blob, token) => blob.SetMetadataAsync(Metadata(batch), unchanged, token), cancellationToken);
            return true;
        }
        catch (StorageException e) when (e.Code is "ConditionNotMet" or "BlobNotFound")
        {
            return false;
        }
    }

    private Task<T> RunAsync<T>(string name, Func<BlobClient, CancellationToken, Task<T>> call, CancellationToken cancellationToken) =>
        connection.Pipeline.RunAsync($"Marking blob {StorageNames.Batches}/{name}", token => call(_container.GetBlobClient(name), token), cancellationToken);
}
