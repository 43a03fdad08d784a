using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace Gemma2.Storage.Models;

/// <summary>
/// The blocks that storage has of a blob: those that it is made of, and those that an upload left that did not come to its end. A block's id is the SHA-256 of its bytes and
/// its number in the file, so that it tells what is in it.
/// </summary>
internal sealed class StoredBlocks
{
    private const int HashBytes = 32;
    private const int NumberDigits = 6;

    private readonly HashSet<(string Id, long Length)> _all;
    private readonly IReadOnlyList<BlobBlock> _committed;

    private StoredBlocks(BlockList? list)
    {
        _committed = [.. list?.CommittedBlocks ?? []];
        _all = [.. _committed.Concat(list?.UncommittedBlocks ?? []).Select(block => (block.Name, block.SizeLong))];
    }

    /// <summary>Asks storage.</summary>
    public static async Task<StoredBlocks> ListAsync(StoragePipeline pipeline, BlockBlobClient blob, CancellationToken cancellationToken)
    {
        try
        {
            return new StoredBlocks(await pipeline.RunAsync(
                $"Listing the blocks of {blob.Name}", async token => (await blob.GetBlockListAsync(BlockListTypes.All, cancellationToken: token)).Value, cancellationToken));
        }
        catch (StorageException e) when (e.IsMissing)
        {
            return new StoredBlocks(null);
        }
    }

    /// <summary>A block's id. All ids of a blob have the same length, those of uploads by earlier versions too: storage takes no others.</summary>
    public static string IdOf(int index, string sha256)
    {
        Span<byte> id = stackalloc byte[HashBytes + NumberDigits];
        Convert.FromHexString(sha256, id, out _, out _);
        Encoding.ASCII.GetBytes(index.ToString("D6", CultureInfo.InvariantCulture), id[HashBytes..]);
        return Convert.ToBase64String(id);
    }

    /// <summary>Whether storage has the block.</summary>
    public bool Has(string id, long length) => _all.Contains((id, length));

    /// <summary>The SHA-256 of each block that the blob is made of; null where its blocks are of another length, or say no hashes.</summary>
    public ModelBlocks? CommittedHashes(long length)
    {
        if (_committed.Sum(block => block.SizeLong) != length || _committed.Count != ModelBlocks.Count(length, SourceFile.BlockBytes)) return null;
        var hashes = new List<string>(_committed.Count);
        for (int index = 0; index < _committed.Count; index++)
        {
            byte[] id = new byte[HashBytes + NumberDigits];
            bool isOurs = Convert.TryFromBase64String(_committed[index].Name, id, out int bytes) && bytes == id.Length
                && Utf8Parser.TryParse(id.AsSpan(HashBytes), out int number, out int digits) && digits == NumberDigits && number == index;
            if (!isOurs || (index < _committed.Count - 1 && _committed[index].SizeLong != SourceFile.BlockBytes)) return null;
            hashes.Add(Convert.ToHexStringLower(id.AsSpan(0, HashBytes)));
        }
        return new ModelBlocks(SourceFile.BlockBytes, hashes);
    }
}
