using System.Security.Cryptography;
using System.Text;
using Azure.Storage.Blobs.Models;
using Gemma2.Storage.Files;

namespace Gemma2.Storage.Batches;

/// <summary>The end of a batch: its files from its chunks' results, its last record, and nothing else left.</summary>
internal sealed class BatchAssembly(StorageConnection connection, BatchWork work)
{
    private readonly BatchRecords _records = new(connection);
    private readonly FileConcatenation _files = new(connection, StorageNames.Batches);

    /// <inheritdoc cref="BatchWork.TryFinishAsync"/>
    public async Task<bool> TryFinishAsync(OwnedId key, CancellationToken cancellationToken)
    {
        if (await work.TryReadAsync(key, cancellationToken) is not { } record) return false;
        if (!record.HasEnded && !await TryAssembleAsync(record, cancellationToken)) return false;
        await work.CleanUpAsync(key, cancellationToken);
        return true;
    }

    /// <summary>The ids of a batch's files follow from its own, so that two who put them together write the same files.</summary>
    internal static string FileId(OwnedId batch, string kind)
    {
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{kind} of {batch}")).AsSpan(0, 16));
        return $"file-{hash}";
    }

    private async Task<bool> TryAssembleAsync(BatchRecord record, CancellationToken cancellationToken)
    {
        IReadOnlyList<BlobItem> results = await BatchListing.ListAsync(connection, BatchBlobs.Results(record.Key), cancellationToken);
        BlobItem[] outputs = [.. results.Where(blob => BatchBlobs.OutputOf(blob.Name) is not null)];
        if (record.ChunkCount == 0 || outputs.Length < record.ChunkCount) return false;
        await _records.UpdateAsync(record.Key, Finalize, cancellationToken);
        try
        {
            string? output = await MakeFileAsync(record, "output", outputs, cancellationToken);
            string? errors = await MakeFileAsync(record, "error", results.Except(outputs), cancellationToken);
            await _records.UpdateAsync(record.Key, current => End(current, outputs, output, errors), cancellationToken);
            return true;
        }
        catch (StorageException e) when (e.IsMissing)
        {
            // Another worker ended the batch meanwhile, and deleted the parts.
            if ((await work.TryReadAsync(record.Key, cancellationToken))?.HasEnded == true) return true;
            throw;
        }
    }

    private BatchRecord Finalize(BatchRecord record) => record.Status != BatchStatus.InProgress
        ? record
        : record with { Status = BatchStatus.Finalizing, FinalizingAt = connection.UtcNow };

    private async Task<string?> MakeFileAsync(BatchRecord batch, string kind, IEnumerable<BlobItem> blobs, CancellationToken cancellationToken)
    {
        // Names sort as chunks do.
        FilePart[] parts =
        [
            .. blobs.OrderBy(blob => blob.Name, StringComparer.Ordinal)
                .Select((blob, index) => new FilePart(index, blob.Name, blob.Properties.ContentLength ?? 0))
                .Where(part => part.Bytes > 0),
        ];
        if (parts.Length == 0) return null;
        var file = new OwnedId(batch.Key.Owner, FileId(batch.Key, kind));
        await _files.WriteOnceAsync(file, $"{batch.Key.Id}_{kind}.jsonl", batch.OutputLifetime, parts, cancellationToken);
        return file.Id;
    }

    private BatchRecord End(BatchRecord record, IReadOnlyList<BlobItem> outputs, string? output, string? errors)
    {
        if (record.HasEnded) return record;
        DateTimeOffset now = connection.UtcNow;
        ChunkTally tally = outputs.Aggregate(default(ChunkTally), (sum, blob) => sum.Plus(ChunkTally.Read(blob.Metadata)));
        bool expired = outputs.Any(blob => BlobNumbers.Read(blob.Metadata, ChunkStore.ExpiredKey) > 0);
        BatchRecord ended = tally.AddTo(record) with { OutputFileId = output, ErrorFileId = errors };
        return record.Status == BatchStatus.Cancelling ? ended with { Status = BatchStatus.Cancelled, CancelledAt = now }
            : record.HasNoRequest ? ended with { Status = BatchStatus.Failed, FailedAt = now }
            : expired ? ended with { Status = BatchStatus.Expired, ExpiredAt = now }
            : ended with { Status = BatchStatus.Completed, CompletedAt = now };
    }
}
