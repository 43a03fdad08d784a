using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;

namespace Gemma2.Storage;

/// <summary>Deletes what is older than it shall be kept: requests, jobs, results, responses, files, dead letters and batches that have ended.</summary>
/// <param name="connection">The storage account.</param>
public sealed class Retention(StorageConnection connection)
{
    private const string RecordEnding = "/batch.json";

    private static readonly string[] PlainContainers = [StorageNames.Requests, StorageNames.Jobs, StorageNames.Completions, StorageNames.Responses, StorageNames.DeadLetters];

    private readonly BatchRecords _records = new(connection);
    private readonly BatchMarkers _markers = new(connection);

    /// <summary>How long after its time a file is deleted: a batch is made of a file that has not expired, and its marker is there soon after.</summary>
    internal TimeSpan ExpiryMargin { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Deletes all that was last changed longer ago, by storage's clock. Batches that have not ended stay, and their inputs.</summary>
    /// <param name="age">How long things are kept.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>How many blobs were deleted.</returns>
    /// <exception cref="StorageException">Storage failed: the rest goes the next time.</exception>
    public async Task<int> RunAsync(TimeSpan age, CancellationToken cancellationToken)
    {
        int deleted = 0;
        foreach (string container in PlainContainers)
        {
            foreach (BlobItem blob in await ListOldAsync(container, age, cancellationToken)) deleted += await DeleteAsync(container, blob, age, cancellationToken);
        }
        deleted += await DeleteFilesAsync(await ListOldAsync(StorageNames.Files, age, cancellationToken), age, cancellationToken);
        return deleted + await DeleteBatchesAsync(age, cancellationToken);
    }

    /// <summary>Deletes the files that have expired, but for the inputs of batches that have not ended. Nobody sees an expired file even before.</summary>
    /// <returns>How many files were deleted.</returns>
    /// <exception cref="StorageException">Storage failed: the rest goes the next time.</exception>
    public async Task<int> DeleteExpiredAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset past = connection.UtcNow - ExpiryMargin;
        return await DeleteFilesAsync(await ListAsync(StorageNames.Files, BlobTraits.Metadata, blob => FileMetadata.ExpiryOf(blob) < past, cancellationToken), TimeSpan.Zero, cancellationToken);
    }

    private async Task<int> DeleteFilesAsync(List<BlobItem> old, TimeSpan age, CancellationToken cancellationToken)
    {
        int deleted = 0;
        // Looked up after the files: a batch that was made in between is seen.
        HashSet<string> inputs = old.Count > 0 ? await ActiveInputsAsync(cancellationToken) : [];
        foreach (BlobItem file in old.Where(file => !inputs.Contains(file.Name))) deleted += await DeleteAsync(StorageNames.Files, file, age, cancellationToken);
        return deleted;
    }

    /// <summary>The inputs that batches need.</summary>
    /// <exception cref="StorageException">One is not known: then no file is deleted.</exception>
    private async Task<HashSet<string>> ActiveInputsAsync(CancellationToken cancellationToken)
    {
        var inputs = new HashSet<string>();
        foreach (ActiveBatch batch in await _markers.ListAsync(cancellationToken)) inputs.Add(new OwnedId(batch.Key.Owner, await InputAsync(batch, cancellationToken)).Path);
        return inputs;
    }

    private async Task<string> InputAsync(ActiveBatch batch, CancellationToken cancellationToken) =>
        batch.Input ?? (await _records.TryReadAsync(batch.Key, cancellationToken))?.Record.InputFileId
            ?? throw new StorageException($"Batch {batch.Key} has a marker and no record: files are kept, since its input is not known.");

    private async Task<int> DeleteBatchesAsync(TimeSpan age, CancellationToken cancellationToken)
    {
        int deleted = 0;
        foreach (BlobItem blob in await ListOldAsync(StorageNames.Batches, age, cancellationToken))
        {
            bool isRecord = blob.Name.EndsWith(RecordEnding, StringComparison.Ordinal);
            if (!isRecord || BatchBlobs.TryParseKey(blob.Name[..^RecordEnding.Length]) is not { } key) continue;
            if (await _records.TryReadAsync(key, cancellationToken) is { Record.HasEnded: true }) deleted += await DeleteAsync(StorageNames.Batches, blob, age, cancellationToken);
        }
        return deleted;
    }

    private Task<List<BlobItem>> ListOldAsync(string container, TimeSpan age, CancellationToken cancellationToken)
    {
        DateTimeOffset keptSince = connection.UtcNow - age;
        return ListAsync(container, BlobTraits.None, blob => blob.Properties.LastModified < keptSince, cancellationToken);
    }

    private async Task<List<BlobItem>> ListAsync(string container, BlobTraits traits, Func<BlobItem, bool> isWanted, CancellationToken cancellationToken)
    {
        BlobContainerClient client = connection.Blobs.GetBlobContainerClient(container);
        return await connection.Pipeline.RunAsync(
            $"Listing container {container}",
            async token => await client.GetBlobsAsync(traits, BlobStates.None, null, token).Where(isWanted).ToListAsync(token),
            cancellationToken);
    }

    /// <summary>
    /// Deletes a blob as it was listed: one that was changed or replaced meanwhile stays. Storage itself holds it against its age once more: what a list
    /// says of a blob's age deletes nothing. Gives the number of deleted blobs.
    /// </summary>
    private async Task<int> DeleteAsync(string container, BlobItem blob, TimeSpan age, CancellationToken cancellationToken)
    {
        BlobClient client = connection.Blobs.GetBlobContainerClient(container).GetBlobClient(blob.Name);
        var unchanged = new BlobRequestConditions { IfMatch = blob.Properties.ETag, IfUnmodifiedSince = connection.UtcNow - age };
        try
        {
            bool deleted = await connection.Pipeline.RunAsync(
                $"Deleting blob {container}/{blob.Name}",
                token => client.DeleteIfExistsAsync(DeleteSnapshotsOption.None, unchanged, token), cancellationToken);
            return deleted ? 1 : 0;
        }
        catch (StorageException e) when (e.Code == "ConditionNotMet")
        {
            return 0;
        }
    }
}
