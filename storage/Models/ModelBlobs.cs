using Azure.Storage.Blobs.Models;

namespace Gemma2.Storage.Models;

/// <summary>What is in the container of models.</summary>
internal static class ModelBlobs
{
    /// <summary>The blobs whose names begin so, sorted by name, with their metadata; none when the container does not exist.</summary>
    public static async Task<IReadOnlyList<BlobItem>> ListAsync(StorageConnection connection, string prefix, CancellationToken cancellationToken)
    {
        try
        {
            return await connection.Pipeline.RunAsync(
                $"Listing container {StorageNames.Models}",
                async token => await connection.Blobs.GetBlobContainerClient(StorageNames.Models).GetBlobsAsync(BlobTraits.Metadata, BlobStates.None, prefix, token).ToListAsync(token),
                cancellationToken);
        }
        catch (StorageException e) when (e.IsMissing)
        {
            return [];
        }
    }
}
