using Azure;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Gemma2.Backend;

namespace Gemma2.Storage.Models;

/// <summary>
/// Uploads one file in blocks, several at once. Blocks that storage has already are not sent: an upload that was interrupted goes on where it was. The blob stays as it
/// was until <see cref="CommitAsync"/>, which makes all blocks visible at once, with the file's hash as metadata.
/// </summary>
internal sealed class BlockUpload : IDisposable
{
    /// <summary>The blob metadata that holds the SHA-256 of its content; set in the same request that makes the content visible.</summary>
    public const string HashMetadata = "sha256";

    private readonly StoragePipeline _pipeline;
    private readonly BlockBlobClient _blob;
    private readonly StoredBlocks _stored;
    private readonly ContentHasher _hasher;
    private long _sent;
    private ModelFile? _file;

    private BlockUpload(StoragePipeline pipeline, BlockBlobClient blob, StoredBlocks stored, ContentHasher hasher) =>
        (_pipeline, _blob, _stored, _hasher) = (pipeline, blob, stored, hasher);

    /// <summary>Bytes that were sent.</summary>
    public long Sent => Volatile.Read(ref _sent);

    /// <summary>Begins.</summary>
    /// <param name="pipeline">The way to storage.</param>
    /// <param name="blob">What is to be the file.</param>
    /// <param name="hasher">Hashes the file.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<BlockUpload> BeginAsync(StoragePipeline pipeline, BlockBlobClient blob, ContentHasher hasher, CancellationToken cancellationToken) =>
        new(pipeline, blob, await StoredBlocks.ListAsync(pipeline, blob, cancellationToken), hasher);

    /// <summary>Takes a block, and returns when storage has it. Any number at once.</summary>
    /// <param name="index">Its number in the file; each comes once.</param>
    /// <param name="bytes">Its bytes.</param>
    /// <param name="cancellationToken">Must be cancelled when another block fails.</param>
    public async Task AddAsync(int index, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        string id = StoredBlocks.IdOf(index, await _hasher.AddAsync(index, bytes, null, cancellationToken));
        if (_stored.Has(id, bytes.Length)) return;
        await _pipeline.TransferAsync(
            $"Uploading {_blob.Name}",
            (long)SourceFile.BlocksAtOnce * SourceFile.BlockBytes,
            token => _blob.StageBlockAsync(id, BinaryData.FromBytes(bytes).ToStream(), cancellationToken: token),
            cancellationToken);
        Interlocked.Add(ref _sent, bytes.Length);
    }

    /// <summary>Called when all blocks are in storage.</summary>
    /// <param name="name">The file's name.</param>
    /// <returns>The file as the manifest names it.</returns>
    /// <exception cref="ModelException">They are not the bytes that were expected.</exception>
    public ModelFile Finish(string name) => _file = _hasher.Finish(name);

    /// <summary>Makes the blob of the blocks, unless somebody has changed it meanwhile.</summary>
    /// <param name="replaced">The version that it replaces; null where there was no blob.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>False when somebody else has changed it.</returns>
    public async Task<bool> CommitAsync(ETag? replaced, CancellationToken cancellationToken)
    {
        var options = new CommitBlockListOptions
        {
            HttpHeaders = new BlobHttpHeaders { ContentType = "application/octet-stream" },
            Metadata = new Dictionary<string, string> { [HashMetadata] = _file!.Sha256 },
            Conditions = replaced is null ? new BlobRequestConditions { IfNoneMatch = ETag.All } : new BlobRequestConditions { IfMatch = replaced },
        };
        string[] ids = [.. _file.Blocks!.Sha256.Select((hash, index) => StoredBlocks.IdOf(index, hash))];
        try
        {
            await _pipeline.RunAsync($"Uploading {_blob.Name}", token => _blob.CommitBlockListAsync(ids, options, token), cancellationToken);
            return true;
        }
        catch (StorageException e) when (e.IsMissing || e.Code is "ConditionNotMet" or "BlobAlreadyExists" or "InvalidBlockList")
        {
            return await IsThereAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _hasher.Dispose();

    /// <summary>Whether the blob is what it shall be: an earlier try whose answer was lost, or the same push by somebody else.</summary>
    private async Task<bool> IsThereAsync(CancellationToken cancellationToken)
    {
        try
        {
            BlobProperties there = await _pipeline.RunAsync(
                $"Uploading {_blob.Name}", async token => (await _blob.GetPropertiesAsync(cancellationToken: token)).Value, cancellationToken);
            return there.ContentLength == _file!.Size && there.Metadata.TryGetValue(HashMetadata, out string? hash) && hash == _file.Sha256;
        }
        catch (StorageException e) when (e.IsMissing)
        {
            return false;
        }
    }
}
