using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace Gemma2.Storage;

/// <summary>One range of a blob.</summary>
internal static class BlobRange
{
    /// <summary>Fills the buffer with the bytes that begin at the offset, if the blob is still this version.</summary>
    public static async Task<bool> ReadAsync(BlobClient blob, ETag version, long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var options = new BlobDownloadOptions
        {
            Range = new HttpRange(offset, buffer.Length),
            Conditions = new BlobRequestConditions { IfMatch = version },
        };
        using BlobDownloadStreamingResult download = await blob.DownloadStreamingAsync(options, cancellationToken);
        await download.Content.ReadExactlyAsync(buffer, cancellationToken);
        return true;
    }
}
