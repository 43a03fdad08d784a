using System.Buffers;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Gemma2.Backend;

namespace Gemma2.Storage.Models;

/// <summary>
/// Uploads one file in parallel blocks. Its hash is computed from the bytes that are sent: the blob appears only when they are the ones
/// that the manifest will name, with their hash as metadata.
/// </summary>
internal sealed class BlockUpload(StoragePipeline pipeline, BlockBlobClient blob, ModelFile file)
{
    /// <summary>The blob metadata that holds the SHA-256 of its content; set in the same request that makes the content visible.</summary>
    public const string HashMetadata = "sha256";

    private const int BlockBytes = 8 << 20;
    private const int ParallelBlocks = 4;

    // Blocks of two uploads to the same blob at the same time must not mix.
    private readonly string _upload = Guid.NewGuid().ToString("N");

    /// <summary>Uploads.</summary>
    /// <param name="path">The local file.</param>
    /// <param name="sent">Called with the number of bytes of each block that is stored.</param>
    /// <param name="cancellationToken">Ends the upload; the blob stays as it was.</param>
    /// <exception cref="ModelException">The file is not the one that was hashed before.</exception>
    public async Task RunAsync(string path, Action<int> sent, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = ParallelBlocks, CancellationToken = cancellationToken };
        int blocks = 0;
        await Parallel.ForEachAsync(ReadBlocksAsync(path, hash, cancellationToken), parallel, async (block, token) =>
        {
            await StageAsync(block, token);
            Interlocked.Increment(ref blocks);
            sent(block.Length);
        });
        if (Convert.ToHexStringLower(hash.GetHashAndReset()) != file.Sha256)
            throw new ModelException($"{path} changed while it was uploaded; nothing was replaced. Push again.");
        await CommitAsync(blocks, cancellationToken);
    }

    private static async IAsyncEnumerable<Block> ReadBlocksAsync(string path, IncrementalHash hash, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.Asynchronous | FileOptions.SequentialScan);
        for (int index = 0; ; index++)
        {
            byte[] buffer = ArrayPool<byte>.Shared.Rent(BlockBytes);
            int length = await stream.ReadAtLeastAsync(buffer.AsMemory(0, BlockBytes), BlockBytes, throwOnEndOfStream: false, cancellationToken);
            hash.AppendData(buffer.AsSpan(0, length));
            if (length == 0)
            {
                ArrayPool<byte>.Shared.Return(buffer);
                yield break;
            }
            yield return new Block(index, buffer, length);
        }
    }

    private async Task StageAsync(Block block, CancellationToken cancellationToken)
    {
        try
        {
            await pipeline.TransferAsync(
                $"Uploading {blob.Name}",
                ParallelBlocks * BlockBytes,
                token => blob.StageBlockAsync(BlockId(block.Index), new MemoryStream(block.Buffer, 0, block.Length), cancellationToken: token),
                cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block.Buffer);
        }
    }

    private async Task CommitAsync(int blocks, CancellationToken cancellationToken)
    {
        var options = new CommitBlockListOptions
        {
            HttpHeaders = new BlobHttpHeaders { ContentType = "application/octet-stream" },
            Metadata = new Dictionary<string, string> { [HashMetadata] = file.Sha256 },
        };
        await pipeline.RunAsync(
            $"Uploading {blob.Name}", token => blob.CommitBlockListAsync(Enumerable.Range(0, blocks).Select(BlockId), options, token), cancellationToken);
    }

    private string BlockId(int index) => Convert.ToBase64String(Encoding.ASCII.GetBytes($"{_upload}{index:D6}"));

    private readonly record struct Block(int Index, byte[] Buffer, int Length);
}
