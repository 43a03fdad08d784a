using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Gemma2.Backend.Pipelines;

namespace Gemma2.Storage.Pipelines;

/// <summary>
/// Compiled pipelines in blob storage, an archive for each device, driver and build: <c>_pipelines/KEY</c> in the container of the models, where no model can be of that name. Whoever may write there
/// decides what every replica's driver runs, as whoever writes models decides what they answer.
/// </summary>
/// <param name="connection">The storage account.</param>
public sealed class PipelineStore(StorageConnection connection) : IPipelineStore
{
    /// <summary>What the names of archives begin with.</summary>
    public const string Prefix = "_pipelines/";

    private const int MostBytes = 128 << 20;

    /// <inheritdoc/>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<StoredPipelines?> TryReadAsync(string key, CancellationToken cancellationToken)
    {
        BlobClient blob = Blob(key);
        try
        {
            return await connection.Pipeline.TransferAsync($"Reading blob {Name(key)}", MostBytes, token => ReadAsync(blob, token), cancellationToken);
        }
        catch (StorageException e) when (e.IsMissing)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<bool> TryWriteAsync(string key, ReadOnlyMemory<byte> archive, string? replaced, CancellationToken cancellationToken)
    {
        BlobClient blob = Blob(key);
        var options = new BlobUploadOptions
        {
            Conditions = replaced is null ? new BlobRequestConditions { IfNoneMatch = ETag.All } : new BlobRequestConditions { IfMatch = new ETag(replaced) },
            HttpHeaders = new BlobHttpHeaders { ContentType = "application/octet-stream" },
        };
        try
        {
            await connection.Pipeline.TransferAsync(
                $"Writing blob {Name(key)}", archive.Length, token => blob.UploadAsync(BinaryData.FromBytes(archive), options, token), cancellationToken);
            return true;
        }
        catch (StorageException e) when (e.Code is "BlobAlreadyExists" or "ConditionNotMet" or "BlobNotFound")
        {
            return false;
        }
    }

    // What is larger is none of ours: it is read as if it were empty, and replaced.
    private static async Task<StoredPipelines> ReadAsync(BlobClient blob, CancellationToken cancellationToken)
    {
        using BlobDownloadStreamingResult download = await blob.DownloadStreamingAsync(cancellationToken: cancellationToken);
        byte[] archive = new byte[download.Details.ContentLength <= MostBytes ? download.Details.ContentLength : 0];
        await download.Content.ReadExactlyAsync(archive, cancellationToken);
        return new StoredPipelines(archive, download.Details.ETag.ToString());
    }

    private BlobClient Blob(string key) => connection.Blobs.GetBlobContainerClient(StorageNames.Models).GetBlobClient(Prefix + key);

    private static string Name(string key) => $"{StorageNames.Models}/{Prefix}{key}";
}
