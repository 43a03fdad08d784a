using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace Gemma2.Storage.Jobs;

/// <summary>Counts jobs that have not ended: those with a request or a state and no result. Only names are listed.</summary>
internal static class ActiveJobs
{
    /// <summary>An owner's jobs that have not ended.</summary>
    public static async Task<long> CountAsync(StorageConnection connection, string? owner, CancellationToken cancellationToken)
    {
        HashSet<string> begun = await ListAsync(connection, StorageNames.Jobs, owner, cancellationToken);
        // The results last: a job that ends meanwhile counts as ended.
        if (begun.Count > 0)
            begun.ExceptWith(await ListAsync(connection, StorageNames.Completions, owner, cancellationToken));
        return begun.Count;
    }

    private static async Task<HashSet<string>> ListAsync(StorageConnection connection, string container, string? owner, CancellationToken cancellationToken)
    {
        BlobContainerClient client = connection.Blobs.GetBlobContainerClient(container);
        string prefix = owner is null ? "" : $"{owner}/";
        try
        {
            List<BlobHierarchyItem> items = await connection.Pipeline.RunAsync(
                $"Listing container {container}",
                async token => await client.GetBlobsByHierarchyAsync(BlobTraits.None, BlobStates.None, "/", prefix, token).ToListAsync(token),
                cancellationToken);
            return [.. items.Where(item => item.IsBlob).Select(item => item.Blob.Name)];
        }
        catch (StorageException e) when (e.IsMissing)
        {
            return [];
        }
    }
}
