using Gemma2.Storage.Models.Cache;

namespace Gemma2.Storage.Models;

/// <summary>The hashes of a file's blocks: with them blocks are checked in any order, and on all cores.</summary>
/// <param name="Bytes">The length of a block; the last one is what is left.</param>
/// <param name="Sha256">SHA-256 of each block in the file's order, 64 lower-case hexadecimal digits each; none for an empty file.</param>
public sealed record ModelBlocks(int Bytes, IReadOnlyList<string> Sha256)
{
    /// <summary>The blocks of manifests that are written now: large enough for the link, small enough that many are in hand at once.</summary>
    public const int DefaultBytes = 8 << 20;

    internal const int LeastBytes = 4 << 10;
    internal const int MostBytes = 64 << 20;

    /// <summary>How many blocks a file has.</summary>
    public static long Count(long size, int blockBytes) => size / blockBytes + (size % blockBytes > 0 ? 1 : 0);

    /// <inheritdoc/>
    public bool Equals(ModelBlocks? other) => other is not null && Bytes == other.Bytes && Sha256.SequenceEqual(other.Sha256, StringComparer.Ordinal);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Bytes, Sha256.Count);

    /// <summary>The end of a sentence that begins with the blocks; null for those that fit the file.</summary>
    internal string? WhatIsWrong(long size) =>
        Bytes is < LeastBytes or > MostBytes ? $"have {Bytes} bytes; allowed are {LeastBytes} to {MostBytes}"
        : Sha256.Count != Count(size, Bytes) ? $"are {Sha256.Count} of {Bytes} bytes, which do not fit its size of {size}"
        : !Sha256.All(ModelHash.IsValid) ? "have a sha256 that is not 64 hexadecimal digits"
        : null;

    internal ModelBlocks ToLowerCase() => this with { Sha256 = [.. Sha256.Select(hash => hash.ToLowerInvariant())] };
}
