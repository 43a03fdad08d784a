using System.Text.Json;

namespace Gemma2.Storage.Batches;

/// <summary>A batch's record as it was when it was read.</summary>
/// <param name="Record">The record.</param>
/// <param name="ChangedAt">When it was last changed, by storage's clock.</param>
internal sealed record ReadRecord(BatchRecord Record, DateTimeOffset ChangedAt);

/// <summary>The blobs <c>KEY/batch.json</c>.</summary>
internal sealed class BatchRecords(StorageConnection connection)
{
    /// <summary>Stores a new record. An earlier try whose reply was lost is no conflict: ids are used once.</summary>
    public Task<WriteOutcome> CreateAsync(BatchRecord record, CancellationToken cancellationToken) =>
        SmallBlobs.WriteOnceAsync(connection, StorageNames.Batches, BatchBlobs.Record(record.Key), ToJson(record), cancellationToken);

    /// <summary>A record; null when there is none.</summary>
    public async Task<ReadRecord?> TryReadAsync(OwnedId key, CancellationToken cancellationToken) =>
        await TryReadBlobAsync(key, cancellationToken) is { } blob ? new ReadRecord(Parse(key, blob.Json), blob.ChangedAt) : null;

    /// <summary>
    /// Changes a record, whoever else does at the same time, and gives it as it then is; null when there is none.
    /// </summary>
    /// <param name="key">Which batch.</param>
    /// <param name="change">
    /// Gives the record as it shall be, or the same object where there is nothing to do. It is called again on the newer record when another was
    /// faster, and also on its own result when the reply to an earlier try was lost: what has been done already must be nothing to do.
    /// </param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<BatchRecord?> UpdateAsync(OwnedId key, Func<BatchRecord, BatchRecord> change, CancellationToken cancellationToken)
    {
        while (await TryReadBlobAsync(key, cancellationToken) is { } blob)
        {
            BatchRecord current = Parse(key, blob.Json);
            BatchRecord changed = change(current);
            if (ReferenceEquals(current, changed)) return current;
            if (await VersionedBlobs.TryReplaceAsync(connection, StorageNames.Batches, BatchBlobs.Record(key), ToJson(changed), blob.Version, cancellationToken))
                return changed;
        }
        return null;
    }

    internal static byte[] ToJson(BatchRecord record) => JsonSerializer.SerializeToUtf8Bytes(record, BatchRecordJson.Default.BatchRecord);

    private static BatchRecord Parse(OwnedId key, ReadOnlyMemory<byte> json)
    {
        try
        {
            BatchRecord? record = JsonSerializer.Deserialize(json.Span, BatchRecordJson.Default.BatchRecord);
            if (record?.Key == key) return record;
        }
        catch (JsonException e)
        {
            throw new StorageException($"The blob {StorageNames.Batches}/{BatchBlobs.Record(key)} is not a batch.", inner: e);
        }
        throw new StorageException($"The blob {StorageNames.Batches}/{BatchBlobs.Record(key)} is not that batch.");
    }

    private Task<VersionedBlob?> TryReadBlobAsync(OwnedId key, CancellationToken cancellationToken) =>
        VersionedBlobs.TryReadAsync(connection, StorageNames.Batches, BatchBlobs.Record(key), cancellationToken);
}
