using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Gemma2.Backend.Cache;

/// <summary>
/// What a full block holds: the keys and values of a group of layers for the last <see cref="BlockTable.Positions"/> tokens of a chain. Two blocks of one key hold the same bytes.
/// </summary>
/// <param name="Chain">Hash of all tokens from the beginning of the sequence to the end of the block, see <see cref="Extend"/>.</param>
/// <param name="Group">The group of layers.</param>
internal readonly record struct BlockKey(UInt128 Chain, int Group)
{
    /// <summary>A token that the kernels for decoding computed; those of prompts may round otherwise.</summary>
    private const uint Generated = 1u << 31;

    /// <summary>
    /// The chain one block further: SHA-256 of the chain so far and of the block's tokens, cut to 128 bits, so that nobody can make two beginnings meet. A token counts together with the kind of
    /// kernels that computed it.
    /// </summary>
    /// <param name="chain">The chain up to the block; 0 at the beginning.</param>
    /// <param name="tokens">The block's tokens.</param>
    /// <param name="generatedFrom">Index in the block of the first token that was generated; at least the length when there is none.</param>
    public static UInt128 Extend(UInt128 chain, ReadOnlySpan<int> tokens, int generatedFrom)
    {
        Span<byte> bytes = stackalloc byte[16 + (BlockTable.Positions * sizeof(uint))];
        BinaryPrimitives.WriteUInt128LittleEndian(bytes, chain);
        Span<uint> words = MemoryMarshal.Cast<byte, uint>(bytes[16..]);
        for (int i = 0; i < BlockTable.Positions; i++) words[i] = (uint)tokens[i] | (i >= generatedFrom ? Generated : 0);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }
}
