using System.Buffers;
using System.Security.Cryptography;
using Gemma2.Backend;
using Gemma2.Backend.Formats.Files;
using Gemma2.Storage.Models.Cache;

namespace Gemma2.Storage.Models;

/// <summary>Fills the buffer with the bytes of a blob that begin at the offset.</summary>
internal delegate Task ReadBlob(long offset, Memory<byte> buffer, CancellationToken cancellationToken);

/// <summary>
/// A file of a model in blob storage. Each block is checked by the thread that reads it; one that is damaged is fetched again, since it may be so on the way only.
/// </summary>
/// <param name="label">The model's and the file's name, for messages.</param>
/// <param name="file">What the manifest says of it.</param>
/// <param name="read">Reads the blob.</param>
/// <param name="cached">Where its blocks may be nearer, and are kept; only with the hashes of blocks.</param>
internal sealed class BlobModelFile(string label, ModelFile file, ReadBlob read, CacheEntry? cached) : IModelFile
{
    private const int MostTries = 3;

    private readonly OrderedHash? _ordered = file.Blocks is null ? new OrderedHash(label, file, ModelBlocks.DefaultBytes) : null;

    /// <inheritdoc/>
    public long Length => file.Size;

    /// <inheritdoc/>
    public int BlockBytes { get; } = file.Blocks?.Bytes ?? ModelBlocks.DefaultBytes;

    /// <inheritdoc/>
    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (offset < 0 || offset > Length - buffer.Length) throw new ArgumentOutOfRangeException(nameof(offset), $"{label} has {Length} bytes.");
        if (buffer.IsEmpty) return;
        int first = (int)(offset / BlockBytes), last = (int)((offset + buffer.Length - 1) / BlockBytes);
        if (_ordered is not null) await Task.WhenAll(_ordered.Ask(first).Select(left => ReadPartAsync(left, 0, Memory<byte>.Empty, cancellationToken)));
        await Task.WhenAll(Enumerable.Range(first, last - first + 1).Select(block =>
        {
            long begin = (long)block * BlockBytes;
            int from = (int)Math.Max(0, offset - begin), to = (int)Math.Min(BlockBytes, offset + buffer.Length - begin);
            return ReadPartAsync(block, from, buffer.Slice((int)(begin + from - offset), to - from), cancellationToken);
        }));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _ordered?.Dispose();
        if (cached is not null) await cached.DisposeAsync();
    }

    private int LengthOf(int block) => (int)Math.Min(BlockBytes, Length - ((long)block * BlockBytes));

    /// <summary>Reads a part of a block: the whole of it, since only that can be checked.</summary>
    private async Task ReadPartAsync(int block, int from, Memory<byte> part, CancellationToken cancellationToken)
    {
        int length = LengthOf(block);
        if (part.Length == length)
        {
            await ReadBlockAsync(block, part, cancellationToken);
            return;
        }
        byte[] whole = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            await ReadBlockAsync(block, whole.AsMemory(0, length), cancellationToken);
            whole.AsMemory(from, part.Length).CopyTo(part);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(whole);
        }
    }

    private Task ReadBlockAsync(int block, Memory<byte> buffer, CancellationToken cancellationToken) =>
        _ordered is null ? ReadCheckedAsync(block, buffer, cancellationToken) : ReadOrderedAsync(_ordered, block, buffer, cancellationToken);

    private async Task ReadCheckedAsync(int block, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        long begin = (long)block * BlockBytes;
        string expected = file.Blocks!.Sha256[block];
        if (cached is not null && await cached.TryReadAsync(begin, buffer, cancellationToken) && Hash(buffer) == expected)
        {
            cached.Confirm(block, buffer.Length);
            return;
        }
        for (int tries = 1; ; tries++)
        {
            await read(begin, buffer, cancellationToken);
            string hash = Hash(buffer);
            if (hash == expected) break;
            if (tries == MostTries)
                throw new ModelException($"{label} is corrupt: the SHA-256 of its block {block} ({buffer.Length} bytes from {begin}) is {hash}, {ModelManifest.FileName} says {expected}.");
        }
        cached?.Keep(block, begin, buffer);
    }

    private static string Hash(ReadOnlyMemory<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes.Span));

    private async Task ReadOrderedAsync(OrderedHash ordered, int block, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            await read((long)block * BlockBytes, buffer, cancellationToken);
            await ordered.CheckAsync(block, buffer, cancellationToken);
        }
        catch (Exception error)
        {
            ordered.Fail(block, error);
            throw;
        }
    }
}
