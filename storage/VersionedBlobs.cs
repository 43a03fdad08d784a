using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace Gemma2.Storage;

/// <summary>A JSON blob as it was when it was read.</summary>
/// <param name="Json">Its content.</param>
/// <param name="Version">Changes with every change of the blob.</param>
/// <param name="ChangedAt">When it was last changed, by storage's clock.</param>
internal sealed record VersionedBlob(ReadOnlyMemory<byte> Json, ETag Version, DateTimeOffset ChangedAt);

/// <summary>JSON blobs that fit in memory and that several workers change: each change is of the version that was read.</summary>
internal static class VersionedBlobs
{
    /// <summary>Reads a whole blob with its version; null when it, or its container, does not exist.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public static async Task<VersionedBlob?> TryReadAsync(StorageConnection connection, string container, string blob, CancellationToken cancellationToken)
    {
        BlobClient client = connection.Blobs.GetBlobContainerClient(container).GetBlobClient(blob);
        try
        {
            BlobDownloadResult read = await connection.Pipeline.RunAsync(
                $"Reading blob {container}/{blob}", async token => (await client.DownloadContentAsync(token)).Value, cancellationToken);
            return new VersionedBlob(read.Content.ToMemory(), read.Details.ETag, read.Details.LastModified);
        }
        catch (StorageException e) when (e.IsMissing)
        {
            return null;
        }
    }

    /// <summary>
    /// Replaces a blob if it still is the version that was read. False when it is not, which may also mean that an earlier try of this call
    /// took effect: read it again to see.
    /// </summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public static async Task<bool> TryReplaceAsync(
        StorageConnection connection, string container, string blob, ReadOnlyMemory<byte> json, ETag version, CancellationToken cancellationToken)
    {
        BlobClient client = connection.Blobs.GetBlobContainerClient(container).GetBlobClient(blob);
        var options = new BlobUploadOptions
        {
            Conditions = new BlobRequestConditions { IfMatch = version },
            HttpHeaders = new BlobHttpHeaders { ContentType = "application/json" },
        };
        try
        {
            await connection.Pipeline.RunAsync(
                $"Changing blob {container}/{blob}", token => client.UploadAsync(BinaryData.FromBytes(json), options, token), cancellationToken);
            return true;
        }
        catch (StorageException e) when (e.Code is "ConditionNotMet" or "BlobNotFound")
        {
            return false;
        }
    }
}
