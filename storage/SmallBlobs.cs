using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace Gemma2.Storage;

/// <summary>JSON blobs that fit in memory: manifests, requests, results.</summary>
internal static class SmallBlobs
{
    /// <summary>Reads a whole blob; null when it, or its container, does not exist.</summary>
    /// <exception cref="StorageException">The blob is longer than <paramref name="maxBytes"/>, or storage failed.</exception>
    public static async Task<ReadOnlyMemory<byte>?> TryReadAsync(
        StorageConnection connection, string container, string blob, int maxBytes, CancellationToken cancellationToken)
    {
        BlobClient client = connection.Blobs.GetBlobContainerClient(container).GetBlobClient(blob);
        try
        {
            return await connection.Pipeline.RunAsync(
                $"Reading blob {container}/{blob}", token => ReadAsync(client, $"{container}/{blob}", maxBytes, token), cancellationToken);
        }
        catch (StorageException e) when (e.IsMissing)
        {
            return null;
        }
    }

    /// <summary>Writes a blob unless there is one of that name.</summary>
    public static async Task<WriteOutcome> WriteOnceAsync(
        StorageConnection connection, string container, string blob, ReadOnlyMemory<byte> json, CancellationToken cancellationToken,
        IDictionary<string, string>? metadata = null)
    {
        BlobClient client = connection.Blobs.GetBlobContainerClient(container).GetBlobClient(blob);
        var options = new BlobUploadOptions
        {
            Conditions = new BlobRequestConditions { IfNoneMatch = ETag.All },
            HttpHeaders = new BlobHttpHeaders { ContentType = "application/json" },
            Metadata = metadata,
        };
        try
        {
            await connection.Pipeline.TransferAsync(
                $"Writing blob {container}/{blob}", json.Length, token => client.UploadAsync(BinaryData.FromBytes(json), options, token), cancellationToken);
            return WriteOutcome.Written;
        }
        catch (StorageException e) when (e.Code is "BlobAlreadyExists" or "ConditionNotMet")
        {
            return WriteOutcome.AlreadyThere;
        }
    }

    private static async Task<ReadOnlyMemory<byte>> ReadAsync(BlobClient client, string name, int maxBytes, CancellationToken cancellationToken)
    {
        using BlobDownloadStreamingResult download = await client.DownloadStreamingAsync(cancellationToken: cancellationToken);
        if (download.Details.ContentLength > maxBytes)
            throw new StorageException($"Blob {name} is {download.Details.ContentLength} bytes; allowed are {maxBytes}.");
        byte[] bytes = new byte[download.Details.ContentLength];
        await download.Content.ReadExactlyAsync(bytes, cancellationToken);
        return bytes;
    }
}
