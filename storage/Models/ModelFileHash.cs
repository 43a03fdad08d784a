using System.Security.Cryptography;

namespace Gemma2.Storage.Models;

/// <summary>Hashes a file's bytes as they pass, as a whole and by block: what its manifest says of it.</summary>
public sealed class ModelFileHash : IDisposable
{
    private readonly IncrementalHash _whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly IncrementalHash _block = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly List<string> _blocks = [];
    private readonly int _blockBytes;
    private int _inBlock;
    private long _size;

    /// <summary>Begins with no bytes.</summary>
    /// <param name="blockBytes">See <see cref="ModelBlocks.Bytes"/>.</param>
    public ModelFileHash(int blockBytes = ModelBlocks.DefaultBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(blockBytes, ModelBlocks.LeastBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(blockBytes, ModelBlocks.MostBytes);
        _blockBytes = blockBytes;
    }

    /// <summary>Hashes a stream from where it stands to its end.</summary>
    /// <param name="name">The file's name.</param>
    /// <param name="stream">Its bytes.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    public static async Task<ModelFile> ComputeAsync(string name, Stream stream, CancellationToken cancellationToken)
    {
        using var hash = new ModelFileHash();
        byte[] buffer = new byte[1 << 20];
        for (int count; (count = await stream.ReadAsync(buffer, cancellationToken)) > 0;) hash.Append(buffer.AsSpan(0, count));
        return hash.Finish(name);
    }

    /// <summary>The next bytes of the file.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        _whole.AppendData(bytes);
        _size += bytes.Length;
        while (!bytes.IsEmpty)
        {
            int count = Math.Min(bytes.Length, _blockBytes - _inBlock);
            _block.AppendData(bytes[..count]);
            bytes = bytes[count..];
            _inBlock += count;
            if (_inBlock == _blockBytes) EndBlock();
        }
    }

    /// <summary>What the manifest says of the file that had these bytes.</summary>
    public ModelFile Finish(string name)
    {
        if (_inBlock > 0) EndBlock();
        var file = new ModelFile(name, _size, Convert.ToHexStringLower(_whole.GetHashAndReset()), new ModelBlocks(_blockBytes, [.. _blocks]));
        _blocks.Clear();
        _size = 0;
        return file;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _whole.Dispose();
        _block.Dispose();
    }

    private void EndBlock()
    {
        _blocks.Add(Convert.ToHexStringLower(_block.GetHashAndReset()));
        _inBlock = 0;
    }
}
