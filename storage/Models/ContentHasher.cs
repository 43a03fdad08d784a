using System.Security.Cryptography;
using Gemma2.Backend;

namespace Gemma2.Storage.Models;

/// <summary>
/// Hashes a file whose blocks come from several threads: each block by itself, at once, and the whole file in turns, in the order of its blocks.
/// </summary>
/// <param name="label">The file's name, for messages.</param>
/// <param name="length">The file's length.</param>
/// <param name="expected">What its bytes must sum up to; null where that is not known.</param>
public sealed class ContentHasher(string label, long length, ContentHash? expected) : IDisposable
{
    private readonly IncrementalHash _sha256 = ContentHash.Begin(ContentHashKind.Sha256, length);
    private readonly IncrementalHash? _other = expected is { Kind: not ContentHashKind.Sha256 } ? ContentHash.Begin(expected.Kind, length) : null;
    private readonly InTurn _turns = new();
    private readonly List<string> _blocks = [];
    private long _length;
    private string? _sum;

    /// <summary>Adds a block. It is hashed at once, and added to the file's hash after those before it.</summary>
    /// <param name="index">Which block of the file it is, from 0; each comes once.</param>
    /// <param name="block">Its bytes.</param>
    /// <param name="inTurn">What else is to be done in the order of blocks; may be null.</param>
    /// <param name="cancellationToken">Must be cancelled when another block fails: this one may wait for it.</param>
    /// <returns>The block's own SHA-256, in lower-case hexadecimal digits.</returns>
    public async Task<string> AddAsync(int index, ReadOnlyMemory<byte> block, Func<ValueTask>? inTurn, CancellationToken cancellationToken)
    {
        string own = Convert.ToHexStringLower(SHA256.HashData(block.Span));
        await _turns.WaitAsync(index, cancellationToken);
        _length += block.Length;
        _sha256.AppendData(block.Span);
        _other?.AppendData(block.Span);
        _blocks.Add(own);
        if (inTurn is not null) await inTurn();
        _turns.Pass();
        return own;
    }

    /// <summary>Whether all blocks that have come are the bytes that were expected.</summary>
    public bool IsAsExpected => expected is null || Sum == expected.Hex;

    private string Sum => _sum ??= Convert.ToHexStringLower((_other ?? _sha256).GetCurrentHash());

    /// <summary>What a manifest says of the file, all of whose blocks have come.</summary>
    /// <param name="name">The file's name.</param>
    /// <exception cref="ModelException">They are not the bytes that were expected.</exception>
    public ModelFile Finish(string name) => IsAsExpected
        ? new ModelFile(name, _length, Convert.ToHexStringLower(_sha256.GetCurrentHash()), new ModelBlocks(SourceFile.BlockBytes, _blocks))
        : throw new ModelException($"{label} is damaged: its {expected! with { Hex = Sum }} is not {expected.Hex}.");

    /// <inheritdoc/>
    public void Dispose()
    {
        _sha256.Dispose();
        _other?.Dispose();
    }
}
