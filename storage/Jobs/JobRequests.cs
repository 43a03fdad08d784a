using System.Text.Json;
using Gemma2.Backend;

namespace Gemma2.Storage.Jobs;

/// <summary>The blobs <c>requests/KEY.json</c>: what jobs ask for, each written once.</summary>
internal sealed class JobRequests(StorageConnection connection)
{
    /// <summary>Stores what a job asks for.</summary>
    /// <exception cref="InvalidRequestException">The request is too long.</exception>
    /// <exception cref="JobConflictException">The id is another request's.</exception>
    public async Task<WriteOutcome> WriteOnceAsync(CompletionJob job, CancellationToken cancellationToken)
    {
        byte[] json = new JobMessage(job.Key, job).ToJson();
        if (json.Length > JobMessage.MaxBlobBytes)
            throw new InvalidRequestException(null, $"The request is {json.Length} bytes long; allowed are {JobMessage.MaxBlobBytes}.");
        while (true)
        {
            WriteOutcome outcome = await SmallBlobs.WriteOnceAsync(connection, StorageNames.Requests, BlobName(job.Key), json, cancellationToken);
            if (outcome == WriteOutcome.Written) return outcome;
            // Gone again: what deletes old blobs was at work.
            if (await TryReadBlobAsync(job.Key, cancellationToken) is not { } stored) continue;
            return IsSame(stored, json) ? outcome : throw new JobConflictException(job.Key);
        }
    }

    /// <summary>What a job asks for, and since when; null when that is not stored.</summary>
    /// <exception cref="JobMessageException">The blob is not that job's request.</exception>
    public async Task<(CompletionJob Job, DateTimeOffset StoredAt)?> TryReadAsync(OwnedId key, CancellationToken cancellationToken)
    {
        if (await VersionedBlobs.TryReadAsync(connection, StorageNames.Requests, BlobName(key), cancellationToken) is not { } blob) return null;
        JobMessage stored = JobMessage.Parse(blob.Json);
        return stored.Key == key && stored.Job is not null
            ? (stored.Job, blob.ChangedAt)
            : throw new JobMessageException($"The blob {StorageNames.Requests}/{BlobName(key)} is not the request of job {key}.");
    }

    private static bool IsSame(ReadOnlyMemory<byte> stored, byte[] json)
    {
        try
        {
            return JsonElement.DeepEquals(JsonElement.Parse(stored.Span), JsonElement.Parse(json));
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private Task<ReadOnlyMemory<byte>?> TryReadBlobAsync(OwnedId key, CancellationToken cancellationToken) =>
        SmallBlobs.TryReadAsync(connection, StorageNames.Requests, BlobName(key), JobMessage.MaxBlobBytes, cancellationToken);

    private static string BlobName(OwnedId key) => $"{key.Path}.json";
}
