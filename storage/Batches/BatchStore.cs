using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Gemma2.Backend;
using Gemma2.Storage.Files;
using Gemma2.Storage.Jobs;

namespace Gemma2.Storage.Batches;

/// <summary>Batches: made, looked at, cancelled. What works on them is <c>service/Batches</c>.</summary>
/// <param name="connection">The storage account.</param>
public sealed class BatchStore(StorageConnection connection)
{
    // How many records a list reads at once.
    private const int ParallelReads = 8;

    private readonly BatchRecords _records = new(connection);
    private readonly BatchMarkers _markers = new(connection);
    private readonly FileStore _files = new(connection);
    private readonly JobQueue _queue = new(connection, StorageNames.BatchRequests);
    private readonly BlobContainerClient _container = connection.Blobs.GetBlobContainerClient(StorageNames.Batches);

    /// <summary>Stores a batch and queues its split.</summary>
    /// <exception cref="InvalidRequestException">A part of it is not allowed, or there is no such file.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task<BatchRecord> CreateAsync(NewBatch batch, CancellationToken cancellationToken)
    {
        NewBatchRules.Check(batch);
        return CreateAsync(new OwnedId(batch.Owner, NewId()).Validated(), batch, cancellationToken);
    }

    /// <summary>Stores a batch under an id that was decided before, unless it is there, and gives what is stored.</summary>
    internal async Task<BatchRecord> CreateAsync(OwnedId key, NewBatch batch, CancellationToken cancellationToken)
    {
        await GetInputAsync(new OwnedId(batch.Owner, batch.InputFileId), cancellationToken);
        DateTimeOffset now = connection.UtcNow;
        var record = new BatchRecord
        {
            Key = key,
            Status = BatchStatus.Validating,
            Endpoint = batch.Endpoint,
            InputFileId = batch.InputFileId,
            CompletionWindow = batch.CompletionWindow,
            Metadata = batch.Metadata,
            OutputLifetime = batch.OutputLifetime,
            CallbackUrl = batch.CallbackUrl,
            CreatedAt = now,
            ExpiresAt = now + batch.Window,
            Errors = [],
        };
        // The marker first: a batch that was not queued, because this process died or the queue is away, is found by it and queued again.
        await _markers.CreateAsync(record, cancellationToken);
        WriteOutcome outcome = await _records.CreateAsync(record, cancellationToken);
        await QueueSplitAsync(record.Key, cancellationToken);
        return outcome == WriteOutcome.Written ? record : await TryReadAsync(key, cancellationToken) ?? record;
    }

    /// <summary>A batch as it is now, with counts and tokens of the chunks in hand; null when there is none.</summary>
    /// <exception cref="InvalidRequestException">The id is not allowed.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<BatchRecord?> TryReadAsync(OwnedId key, CancellationToken cancellationToken) =>
        await _records.TryReadAsync(key.Validated(), cancellationToken) is { } found ? await WithCountsAsync(found.Record, cancellationToken) : null;

    /// <summary>An owner's batches, newest first, counts as <see cref="TryReadAsync"/> gives them.</summary>
    /// <param name="owner">Whose.</param>
    /// <param name="after">Begin behind this id; null begins with the newest.</param>
    /// <param name="limit">At most so many.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The batches, and whether there are more.</returns>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<(IReadOnlyList<BatchRecord> Batches, bool HasMore)> ListAsync(string? owner, string? after, int limit, CancellationToken cancellationToken)
    {
        // Ids sort by the time when they were made, and names are listed in order.
        IReadOnlyList<OwnedId> keys = await ListKeysAsync(owner, cancellationToken);
        OwnedId[] newest = [.. keys.Reverse().Where(key => after is null || string.CompareOrdinal(key.Id, after) < 0)];
        BatchRecord?[] records = new BatchRecord?[Math.Min(limit, newest.Length)];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = ParallelReads, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, records.Length, parallel, async (index, token) => records[index] = await TryReadAsync(newest[index], token));
        return ([.. records.OfType<BatchRecord>()], newest.Length > records.Length);
    }

    /// <summary>Asks a batch to stop and gives it as it then is; null when there is none. Cancelling twice is cancelling once.</summary>
    /// <exception cref="InvalidRequestException">It has ended in another way, or the id is not allowed.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<BatchRecord?> CancelAsync(OwnedId key, CancellationToken cancellationToken)
    {
        BatchRecord? record = await _records.UpdateAsync(key.Validated(), Cancel, cancellationToken);
        return record is null ? null : await WithCountsAsync(record, cancellationToken);

        BatchRecord Cancel(BatchRecord current) => current.Status switch
        {
            BatchStatus.Cancelling or BatchStatus.Cancelled => current,
            _ when current.HasEnded => throw new InvalidRequestException(null, $"The batch '{key.Id}' has ended; only one that has not can be cancelled."),
            _ => current with { Status = BatchStatus.Cancelling, CancellingAt = connection.UtcNow },
        };
    }

    internal static string NewId() => $"{BatchBlobs.IdPrefix}{Guid.CreateVersion7():N}";

    /// <summary>The file that a batch is to be made of.</summary>
    /// <exception cref="InvalidRequestException">There is no such file, or it is none for batches.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<StoredFile> GetInputAsync(OwnedId file, CancellationToken cancellationToken)
    {
        StoredFile input = (JobId.IsValid(file.Id) ? await _files.TryGetAsync(file, cancellationToken) : null) ?? throw NoInput();
        return input.Purpose == FileStore.BatchPurpose
            ? input
            : throw new InvalidRequestException("input_file_id", $"The file '{file.Id}' was not stored as a batch's input; allowed is the purpose '{FileStore.BatchPurpose}'.");
    }

    /// <summary>There is no file of which a batch was to be made.</summary>
    public static InvalidRequestException NoInput() => new("input_file_id", "There is no file with the id in input_file_id.");

    private async Task QueueSplitAsync(OwnedId key, CancellationToken cancellationToken)
    {
        try
        {
            await _queue.SendAsync(new BatchMessage(key).ToJson(), TimeSpan.Zero, cancellationToken);
        }
        catch (StorageException)
        {
            // The batch is stored and will be found by its marker; failing here would make its maker store another.
        }
    }

    private async Task<BatchRecord> WithCountsAsync(BatchRecord record, CancellationToken cancellationToken)
    {
        if (record.HasEnded || record.ChunkCount == 0) return record;
        ChunkTally tally = await BatchListing.SumChunksAsync(connection, record.Key, cancellationToken);
        // Its chunks go when a batch ends: if it has ended meanwhile, the record has the counts.
        BatchRecord? now = (await _records.TryReadAsync(record.Key, cancellationToken))?.Record;
        return now?.HasEnded == true ? now : tally.AddTo(record);
    }

    private async Task<IReadOnlyList<OwnedId>> ListKeysAsync(string? owner, CancellationToken cancellationToken)
    {
        string prefix = (owner is null ? "" : $"{owner}/") + BatchBlobs.IdPrefix;
        try
        {
            List<BlobHierarchyItem> items = await connection.Pipeline.RunAsync(
                "Listing batches",
                async token => await _container.GetBlobsByHierarchyAsync(BlobTraits.None, BlobStates.None, "/", prefix, token).ToListAsync(token),
                cancellationToken);
            return [.. items.Where(item => item.IsPrefix).Select(item => BatchBlobs.TryParseKey(item.Prefix.TrimEnd('/'))).OfType<OwnedId>()];
        }
        catch (StorageException e) when (e.IsMissing)
        {
            return [];
        }
    }
}
