using System.Buffers;
using System.Globalization;
using System.Text;
using Azure;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Gemma2.Backend;

namespace Gemma2.Storage.Files;

/// <summary>Uploads a stream as one blob, block by block: one block is in memory, and the blob appears with the last request or not at all.</summary>
internal sealed class FileUpload(StorageConnection connection, BlockBlobClient blob)
{
    private const int BlockBytes = 4 << 20;

    // Cleaning up after a failure may not hold the caller up for long: what stays behind is dropped by the service after a week.
    private static readonly TimeSpan DiscardLimit = TimeSpan.FromSeconds(10);

    // Blocks of two uploads to one blob must not mix.
    private readonly string _upload = Guid.NewGuid().ToString("N");
    private readonly List<string> _blocks = [];

    /// <summary>Uploads; false when there is a blob of that name, which stays as it is.</summary>
    /// <param name="content">Read to its end.</param>
    /// <param name="metadata">The blob's metadata; asked for when the content has ended.</param>
    /// <param name="sent">Told of the bytes stored so far.</param>
    /// <param name="cancellationToken">Ends the upload.</param>
    /// <exception cref="InvalidRequestException">The stream is empty.</exception>
    /// <exception cref="FileTooLongException">The stream is longer than <see cref="FileStore.MaxBytes"/>.</exception>
    public async Task<bool> RunAsync(Stream content, Func<Dictionary<string, string>> metadata, IProgress<long>? sent, CancellationToken cancellationToken)
    {
        try
        {
            await StageAsync(content, sent, cancellationToken);
            return await CommitAsync(metadata(), cancellationToken);
        }
        catch
        {
            await DiscardAsync();
            throw;
        }
    }

    private async Task StageAsync(Stream content, IProgress<long>? sent, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BlockBytes);
        try
        {
            long total = 0;
            while (await content.ReadAtLeastAsync(buffer.AsMemory(0, BlockBytes), BlockBytes, throwOnEndOfStream: false, cancellationToken) is var length and > 0)
            {
                total += length;
                if (total > FileStore.MaxBytes) throw new FileTooLongException();
                await StageBlockAsync(new MemoryStream(buffer, 0, length), cancellationToken);
                sent?.Report(total);
            }
            if (total == 0) throw new InvalidRequestException("file", "The file is empty.");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task StageBlockAsync(MemoryStream block, CancellationToken cancellationToken)
    {
        string id = Convert.ToBase64String(Encoding.ASCII.GetBytes(_upload + _blocks.Count.ToString("D6", CultureInfo.InvariantCulture)));
        _blocks.Add(id);
        // A block on its way is waited for: the service may take it after the cleaning up, and it would stay.
        using var late = new CancellationTokenSource();
        await using CancellationTokenRegistration registration = cancellationToken.Register(() => late.CancelAfter(DiscardLimit));
        await connection.Pipeline.TransferAsync(
            What,
            block.Length,
            token =>
            {
                block.Position = 0;
                return blob.StageBlockAsync(id, block, cancellationToken: token);
            },
            late.Token);
        cancellationToken.ThrowIfCancellationRequested();
    }

    private async Task<bool> CommitAsync(Dictionary<string, string> metadata, CancellationToken cancellationToken)
    {
        var options = new CommitBlockListOptions
        {
            Conditions = new BlobRequestConditions { IfNoneMatch = ETag.All },
            HttpHeaders = new BlobHttpHeaders { ContentType = "application/octet-stream" },
            Metadata = metadata,
        };
        try
        {
            await connection.Pipeline.RunAsync(What, token => blob.CommitBlockListAsync(_blocks, options, token), cancellationToken);
            return true;
        }
        catch (StorageException e) when (e.Code is "BlobAlreadyExists" or "ConditionNotMet")
        {
            return false;
        }
    }

    /// <summary>Frees the blocks of an upload that failed, as well as it can be done: an empty blob takes their place and goes.</summary>
    private async Task DiscardAsync()
    {
        if (_blocks.Count == 0) return;
        using var limit = new CancellationTokenSource(DiscardLimit);
        var unlessThere = new CommitBlockListOptions { Conditions = new BlobRequestConditions { IfNoneMatch = ETag.All } };
        try
        {
            Response<BlobContentInfo> empty = await connection.Pipeline.RunAsync(What, token => blob.CommitBlockListAsync([], unlessThere, token), limit.Token);
            var unchanged = new BlobRequestConditions { IfMatch = empty.Value.ETag };
            await connection.Pipeline.RunAsync(What, token => blob.DeleteAsync(conditions: unchanged, cancellationToken: token), limit.Token);
        }
        catch (Exception e) when (e is StorageException or OperationCanceledException)
        {
            // The upload's own failure is what the caller must hear of.
        }
    }

    private string What => $"Uploading file {blob.Name}";
}
