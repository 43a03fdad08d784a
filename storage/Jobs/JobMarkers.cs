using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace Gemma2.Storage.Jobs;

/// <summary>A job that came through <see cref="JobStore"/> and has no result yet, as its marker tells of it.</summary>
/// <param name="Key">Whose it is and its id.</param>
/// <param name="ChangedAt">When it was queued, or a worker last said that it works on it, by storage's clock.</param>
/// <param name="Version">Changes with every change of the marker.</param>
internal sealed record ActiveJob(OwnedId Key, DateTimeOffset ChangedAt, ETag? Version);

/// <summary>The markers of jobs that have no result yet: <c>jobs/_active/KEY</c>, empty blobs. No owner's name begins with '_'.</summary>
internal sealed class JobMarkers(StorageConnection connection)
{
    private const string Prefix = "_active/";

    private readonly BlobContainerClient _container = connection.Blobs.GetBlobContainerClient(StorageNames.Jobs);

    /// <summary>Marks a job, unless it is marked.</summary>
    public Task CreateAsync(OwnedId key, CancellationToken cancellationToken) =>
        SmallBlobs.WriteOnceAsync(connection, StorageNames.Jobs, Prefix + key.Path, ReadOnlyMemory<byte>.Empty, cancellationToken);

    /// <summary>Takes a job's mark away: it has its result.</summary>
    public Task DeleteAsync(OwnedId key, CancellationToken cancellationToken) => connection.Pipeline.RunAsync(
        $"Deleting blob {StorageNames.Jobs}/{Prefix}{key.Path}", token => _container.DeleteBlobIfExistsAsync(Prefix + key.Path, cancellationToken: token), cancellationToken);

    /// <summary>Makes a marker a new version of itself. Of all who saw the same version one does; false for the others, and where there is no marker.</summary>
    /// <param name="key">The job.</param>
    /// <param name="version">The version that was seen; null for any.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<bool> TryTouchAsync(OwnedId key, ETag? version, CancellationToken cancellationToken)
    {
        BlobClient blob = _container.GetBlobClient(Prefix + key.Path);
        var unchanged = new BlobRequestConditions { IfMatch = version };
        try
        {
            await connection.Pipeline.RunAsync(
                $"Marking blob {StorageNames.Jobs}/{blob.Name}", token => blob.SetMetadataAsync(new Dictionary<string, string>(), unchanged, token), cancellationToken);
            return true;
        }
        catch (StorageException e) when (e.Code == "ConditionNotMet" || e.IsMissing)
        {
            return false;
        }
    }

    /// <summary>A page of the jobs that have markers, and where the next one begins; null when this was the last.</summary>
    public async Task<(IReadOnlyList<ActiveJob> Jobs, string? Next)> ListAsync(string? page, int most, CancellationToken cancellationToken)
    {
        Page<BlobItem>? listed = await connection.Pipeline.RunAsync(
            $"Listing blobs {StorageNames.Jobs}/{Prefix}",
            async token => await _container.GetBlobsAsync(BlobTraits.None, BlobStates.None, Prefix, token).AsPages(page, most).FirstOrDefaultAsync(token),
            cancellationToken);
        return (
            [.. (listed?.Values ?? []).Select(TryRead).OfType<ActiveJob>()],
            listed?.ContinuationToken is { Length: > 0 } next ? next : null);
    }

    private static ActiveJob? TryRead(BlobItem marker)
    {
        string[] parts = marker.Name[Prefix.Length..].Split('/');
        OwnedId? key = parts switch { [var id] => new OwnedId(null, id), [var owner, var id] => new OwnedId(owner, id), _ => null };
        bool isValid = key is { } found && JobId.IsValid(found.Id) && (found.Owner is null || OwnedId.IsValidOwner(found.Owner));
        return isValid ? new ActiveJob(key!.Value, marker.Properties.LastModified.GetValueOrDefault(), marker.Properties.ETag) : null;
    }
}
