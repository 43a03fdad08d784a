using System.Security.Cryptography;
using Gemma2.Backend;

namespace Gemma2.Storage.Models;

/// <summary>
/// Checks a file of which only the hash of the whole is known. Its blocks may come in any order, each is hashed when it is its turn, and the last one is given only
/// when the hash is right. What is read once more must be what it was.
/// </summary>
internal sealed class OrderedHash(string label, ModelFile file, int blockBytes) : IDisposable
{
    private readonly IncrementalHash _whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[]?[] _blocks = new byte[]?[ModelBlocks.Count(file.Size, blockBytes)];
    private readonly TaskCompletionSource[] _turns = [.. Enumerable.Range(0, (int)ModelBlocks.Count(file.Size, blockBytes)).Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))];
    private readonly Lock _lock = new();
    private int _asked;

    /// <summary>The blocks that lie between those that were asked for and this one: blocks are asked for in order, so that nobody else will.</summary>
    public IReadOnlyList<int> Ask(int block)
    {
        lock (_lock)
        {
            int[] left = [.. Enumerable.Range(_asked, Math.Max(0, block - _asked))];
            _asked = Math.Max(_asked, block + 1);
            return left;
        }
    }

    /// <summary>Checks a block's bytes; waits for those before it.</summary>
    /// <exception cref="ModelException">They are not the file's.</exception>
    public async Task CheckAsync(int block, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        byte[] hash = SHA256.HashData(bytes.Span);
        if (block > 0) await _turns[block - 1].Task.WaitAsync(cancellationToken);
        try
        {
            lock (_lock) Append(block, bytes.Span, hash);
            _turns[block].TrySetResult();
        }
        catch (Exception error)
        {
            _turns[block].TrySetException(error);
            throw;
        }
    }

    /// <summary>A block cannot be read: nor can those behind it be checked.</summary>
    public void Fail(int block, Exception error)
    {
        if (_turns[block].TrySetException(error)) _ = _turns[block].Task.Exception;
    }

    public void Dispose() => _whole.Dispose();

    private void Append(int block, ReadOnlySpan<byte> bytes, byte[] hash)
    {
        if (_blocks[block] is { } before)
        {
            if (!before.AsSpan().SequenceEqual(hash)) throw new ModelException($"{label} is corrupt: its block {block} is not what it was when it was read before.");
            return;
        }
        _blocks[block] = hash;
        _whole.AppendData(bytes);
        if (block < _blocks.Length - 1) return;
        string actual = Convert.ToHexStringLower(_whole.GetHashAndReset());
        if (actual != file.Sha256) throw new ModelException($"{label} is corrupt: its SHA-256 is {actual}, {ModelManifest.FileName} says {file.Sha256}.");
    }
}
