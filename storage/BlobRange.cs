using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace Gemma2.Storage;

/// <summary>One range of a blob.</summary>
internal static class BlobRange
{
    /// <summary>Fills the buffer with the bytes that begin at the offset, if the blob is still this version.</summary>
    public static Task<bool> ReadAsync(BlobClient blob, ETag version, long offset, Memory<byte> buffer, CancellationToken cancellationToken) =>
        ReadAsync(blob, version, offset, buffer, _ => { }, cancellationToken);

    /// <summary>Fills the buffer, and tells of the bytes as they come.</summary>
    public static async Task<bool> ReadAsync(BlobClient blob, ETag version, long offset, Memory<byte> buffer, Action<int> received, CancellationToken cancellationToken)
    {
        if (buffer.IsEmpty) return true;
        var options = new BlobDownloadOptions
        {
            Range = new HttpRange(offset, buffer.Length),
            Conditions = new BlobRequestConditions { IfMatch = version },
        };
        using BlobDownloadStreamingResult download = await blob.DownloadStreamingAsync(options, cancellationToken);
        for (int count; !buffer.IsEmpty; buffer = buffer[count..])
        {
            count = await download.Content.ReadAsync(buffer, cancellationToken);
            if (count == 0) throw new EndOfStreamException("the body ended before its last byte");
            received(count);
        }
        return true;
    }
}
