using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Gemma2.Backend.Pipelines;

/// <summary>Bytes with a header in front that says how many there are and what the hash of them and of their owner's name is: what was cut, changed or is another's is not believed.</summary>
internal static class SealedBytes
{
    private const int HashOffset = 16;

    /// <summary>Bytes of the header: a mark, the content's length, the hash.</summary>
    public const int HeaderBytes = HashOffset + SHA256.HashSizeInBytes;

    private static ReadOnlySpan<byte> Mark => "GEMMA2P1"u8;

    /// <summary>Puts the header in front.</summary>
    /// <param name="owner">Whose the content is: the key of a device, a driver and a build.</param>
    /// <param name="content">The content.</param>
    public static byte[] Seal(string owner, ReadOnlySpan<byte> content)
    {
        var bytes = new byte[HeaderBytes + content.Length];
        Mark.CopyTo(bytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(Mark.Length), content.Length);
        Hash(owner, content, bytes.AsSpan(HashOffset, SHA256.HashSizeInBytes));
        content.CopyTo(bytes.AsSpan(HeaderBytes));
        return bytes;
    }

    /// <summary>The content, if it is the owner's and just as it was sealed.</summary>
    /// <param name="owner">As <see cref="Seal"/> was told.</param>
    /// <param name="bytes">What <see cref="Seal"/> gave, or anything.</param>
    public static ReadOnlyMemory<byte>? TryOpen(string owner, ReadOnlyMemory<byte> bytes)
    {
        ReadOnlySpan<byte> header = bytes.Span;
        if (header.Length < HeaderBytes || !header.StartsWith(Mark) || BinaryPrimitives.ReadInt64LittleEndian(header[Mark.Length..]) != header.Length - HeaderBytes) return null;
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        Hash(owner, header[HeaderBytes..], hash);
        if (!hash.SequenceEqual(header[HashOffset..HeaderBytes])) return null;
        return bytes[HeaderBytes..];
    }

    private static void Hash(string owner, ReadOnlySpan<byte> content, Span<byte> hash)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData(Encoding.UTF8.GetBytes($"{owner}\n"));
        sha.AppendData(content);
        sha.GetHashAndReset(hash);
    }
}
