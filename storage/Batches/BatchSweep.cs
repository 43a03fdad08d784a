using Azure.Storage.Blobs.Models;

namespace Gemma2.Storage.Batches;

/// <summary>
/// Looks after the batches that have not ended, whoever should be working on them: a message that was lost, or a worker that died with a long lease, costs
/// a batch a minute or two. Every process may do so at once.
/// </summary>
/// <param name="connection">The storage account.</param>
/// <param name="work">What is done to a batch.</param>
/// <param name="lease">How long a worker may be silent: after two of them nobody works on a batch of which nothing changes.</param>
public sealed class BatchSweep(StorageConnection connection, BatchWork work, TimeSpan lease)
{
    // No try to tell of a batch's end comes later after the last one.
    private static readonly TimeSpan LongestCallbackWait = TimeSpan.FromMinutes(5);

    private readonly BatchRecords _records = new(connection);
    /// <summary>Looks after every batch that has not ended.</summary>
    /// <param name="failed">Told of batches that could not be looked after; the others are all the same.</param>
    /// <param name="cancellationToken">Ends the sweep.</param>
    /// <exception cref="StorageException">Storage is away.</exception>
    public async Task RunAsync(Action<OwnedId, StorageException> failed, CancellationToken cancellationToken)
    {
        IReadOnlyList<ActiveBatch> active = await work.Markers.ListAsync(cancellationToken);
        bool isQueueIdle = active.Count > 0 && !await work.Messages.HasVisibleAsync(cancellationToken);
        foreach (ActiveBatch marker in active)
        {
            try
            {
                await LookAfterAsync(marker.Key, marker, isQueueIdle, cancellationToken);
            }
            catch (StorageException e)
            {
                failed(marker.Key, e);
            }
        }
    }

    private async Task LookAfterAsync(OwnedId key, ActiveBatch marker, bool isQueueIdle, CancellationToken cancellationToken)
    {
        // A batch is stored right after its marker. The marker of a maker that died in between stays: that a batch is not found is no reason to delete.
        if (await _records.TryReadAsync(key, cancellationToken) is not { } batch) return;
        if (batch.Record.HasEnded)
        {
            await work.CleanUpAsync(key, cancellationToken);
            TimeSpan patience = (2 * lease) + (batch.Record.CallbackTries > 0 ? LongestCallbackWait : TimeSpan.Zero);
            if (batch.Record.AwaitsCallback && connection.UtcNow - Latest(marker.ChangedAt, batch.ChangedAt) > patience && await work.Markers.TryTouchAsync(marker, cancellationToken))
                await work.Messages.SendAsync(new BatchMessage(key).ToJson(), TimeSpan.Zero, cancellationToken);
        }
        else if (isQueueIdle || batch.Record.ExpiresAt <= connection.UtcNow)
        {
            DateTimeOffset quietSince = Latest(marker.ChangedAt, batch.ChangedAt, await LastChangeAsync(key, cancellationToken));
            // Of all who see it stand still one goes on: whose change of the marker is the first. It also makes the others wait as long again.
            if (connection.UtcNow - quietSince > 2 * lease && await work.Markers.TryTouchAsync(marker, cancellationToken)) await QueueAgainAsync(key, cancellationToken);
        }
    }

    /// <summary>When a worker last changed something: a live one does so more than once in a lease.</summary>
    private async Task<DateTimeOffset> LastChangeAsync(OwnedId key, CancellationToken cancellationToken)
    {
        IReadOnlyList<BlobItem> blobs = await BatchListing.ListAsync(connection, BatchBlobs.Folder(key), cancellationToken);
        return blobs.Max(blob => blob.Properties.LastModified) ?? default;
    }

    private async Task QueueAgainAsync(OwnedId key, CancellationToken cancellationToken)
    {
        BatchRecord? record = await work.TryReadAsync(key, cancellationToken);
        if (record is { ChunkCount: > 0 } && await work.TryReadPlanAsync(key, cancellationToken) is { } plan) await work.SendMissingAsync(key, plan, cancellationToken);
        else await work.Messages.SendAsync(new BatchMessage(key).ToJson(), TimeSpan.Zero, cancellationToken);
    }

    private static DateTimeOffset Latest(params DateTimeOffset[] times) => times.Max();
}
