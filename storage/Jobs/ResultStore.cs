using System.Text.Json;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Gemma2.Backend;

namespace Gemma2.Storage.Jobs;

/// <summary>Results in the container <c>completions</c>, one blob <c>KEY.json</c> for each job, written once.</summary>
/// <param name="connection">The storage account.</param>
public sealed class ResultStore(StorageConnection connection)
{
    /// <summary>A result is at most this long.</summary>
    public const int MaxBytes = 64 << 20;

    // Beside the content, so that a list can tell the failed ones without reading them all.
    private const string StatusMetadata = "status";
    private const string Extension = ".json";

    private readonly BlobContainerClient _container = connection.Blobs.GetBlobContainerClient(StorageNames.Completions);

    /// <summary>Stores a job's result unless it has one: the first stays, whoever else worked on the same message.</summary>
    /// <exception cref="InvalidRequestException">The owner or id is not allowed.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task<WriteOutcome> WriteOnceAsync(OwnedId key, JobStatus status, ReadOnlyMemory<byte> json, CancellationToken cancellationToken) =>
        SmallBlobs.WriteOnceAsync(
            connection, StorageNames.Completions, BlobName(key), json, cancellationToken, new Dictionary<string, string> { [StatusMetadata] = JobStatusNames.Of(status) });

    /// <summary>Reads a job's result; null when it has none yet.</summary>
    /// <exception cref="InvalidRequestException">The owner or id is not allowed.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task<ReadOnlyMemory<byte>?> TryReadAsync(OwnedId key, CancellationToken cancellationToken) =>
        SmallBlobs.TryReadAsync(connection, StorageNames.Completions, BlobName(key), MaxBytes, cancellationToken);

    /// <summary>True when a job has its result.</summary>
    /// <exception cref="InvalidRequestException">The owner or id is not allowed.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task<bool> ExistsAsync(OwnedId key, CancellationToken cancellationToken) => connection.Pipeline.RunAsync(
        $"Looking for blob {StorageNames.Completions}/{BlobName(key)}",
        async token => (await _container.GetBlobClient(BlobName(key)).ExistsAsync(token)).Value,
        cancellationToken);

    /// <summary>The name of a job's result within the container.</summary>
    /// <exception cref="InvalidRequestException">The owner or id is not allowed.</exception>
    public static string BlobName(OwnedId key) => key.Validated().Path + Extension;

    /// <summary>Reads a job's result with what storage knows of it; null when it has none.</summary>
    internal async Task<JobResultBlob?> TryReadBlobAsync(OwnedId key, CancellationToken cancellationToken)
    {
        if (await VersionedBlobs.TryReadAsync(connection, StorageNames.Completions, BlobName(key), cancellationToken) is not { } blob) return null;
        try
        {
            var root = JsonElement.Parse(blob.Json.Span);
            JobStatus? status = JobStatusNames.ParseEnd(root.GetProperty("status").GetString());
            string? model = root.TryGetProperty("model", out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
            if (status is not null) return new JobResultBlob(status.Value, model, blob.Json, blob.Version.ToString(), blob.ChangedAt);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new StorageException($"The blob {StorageNames.Completions}/{BlobName(key)} is not a job's result.", inner: e);
        }
        throw new StorageException($"The blob {StorageNames.Completions}/{BlobName(key)} is not a job's result.");
    }

    /// <summary>Deletes a result if it still is that version.</summary>
    internal async Task DeleteAsync(OwnedId key, string version, CancellationToken cancellationToken)
    {
        try
        {
            await connection.Pipeline.RunAsync(
                $"Deleting blob {StorageNames.Completions}/{BlobName(key)}",
                token => _container.GetBlobClient(BlobName(key)).DeleteIfExistsAsync(conditions: new BlobRequestConditions { IfMatch = new(version) }, cancellationToken: token),
                cancellationToken);
        }
        catch (StorageException e) when (e.Code == "ConditionNotMet")
        {
            // It is another result.
        }
    }

    /// <summary>A page of the jobs whose results have that status, and where the next page begins; null when this was the last.</summary>
    internal async Task<(IReadOnlyList<OwnedId> Keys, string? Next)> ListAsync(JobStatus status, string? page, CancellationToken cancellationToken)
    {
        Azure.Page<BlobItem>? listed;
        try
        {
            listed = await connection.Pipeline.RunAsync(
                $"Listing container {StorageNames.Completions}",
                async token => await _container.GetBlobsAsync(BlobTraits.Metadata, BlobStates.None, null, token).AsPages(page).FirstOrDefaultAsync(token),
                cancellationToken);
        }
        catch (StorageException e) when (e.IsMissing)
        {
            return ([], null);
        }
        string name = JobStatusNames.Of(status);
        return (
            [.. (listed?.Values ?? []).Where(blob => blob.Metadata.TryGetValue(StatusMetadata, out string? value) && value == name)
                .Select(blob => TryParseKey(blob.Name)).OfType<OwnedId>()],
            listed?.ContinuationToken is { Length: > 0 } next ? next : null);
    }

    private static OwnedId? TryParseKey(string blob)
    {
        if (!blob.EndsWith(Extension, StringComparison.Ordinal)) return null;
        string[] parts = blob[..^Extension.Length].Split('/');
        OwnedId? key = parts switch { [var id] => new OwnedId(null, id), [var owner, var id] => new OwnedId(owner, id), _ => null };
        return key is { } found && JobId.IsValid(found.Id) && (found.Owner is null || OwnedId.IsValidOwner(found.Owner)) ? found : null;
    }
}

/// <summary>A job's result as it is stored.</summary>
/// <param name="Status">How the job ended.</param>
/// <param name="Model">The model that it asked for, where known.</param>
/// <param name="Json">The blob's content.</param>
/// <param name="Version">Another for every result.</param>
/// <param name="WrittenAt">When it was written, by storage's clock.</param>
internal sealed record JobResultBlob(JobStatus Status, string? Model, ReadOnlyMemory<byte> Json, string Version, DateTimeOffset WrittenAt);
