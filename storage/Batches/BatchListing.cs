using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace Gemma2.Storage.Batches;

/// <summary>Lists blobs of the container <c>batches</c> with their metadata.</summary>
internal static class BatchListing
{
    /// <summary>The blobs whose names begin so, in the order of their names; none when the container does not exist.</summary>
    public static async Task<IReadOnlyList<BlobItem>> ListAsync(StorageConnection connection, string prefix, CancellationToken cancellationToken)
    {
        BlobContainerClient container = connection.Blobs.GetBlobContainerClient(StorageNames.Batches);
        try
        {
            return await connection.Pipeline.RunAsync(
                $"Listing blobs {StorageNames.Batches}/{prefix}",
                async token => await container.GetBlobsAsync(BlobTraits.Metadata, BlobStates.None, prefix, token).ToListAsync(token),
                cancellationToken);
        }
        catch (StorageException e) when (e.IsMissing)
        {
            return [];
        }
    }

    /// <summary>What the chunks of a batch have done so far.</summary>
    public static async Task<ChunkTally> SumChunksAsync(StorageConnection connection, OwnedId key, CancellationToken cancellationToken) =>
        (await ListAsync(connection, BatchBlobs.Chunks(key), cancellationToken))
        .Aggregate(default(ChunkTally), (sum, chunk) => sum.Plus(ChunkTally.Read(chunk.Metadata)));
}
