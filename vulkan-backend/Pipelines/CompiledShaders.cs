using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Gemma2.Backend.Pipelines;

/// <summary>What a driver compiled, as it is kept from one process to the next: the data of its own pipeline cache, and binaries of single shaders by the hash of what they were made of.</summary>
internal sealed class CompiledShaders
{
    private const int KeyBytes = SHA256.HashSizeInBytes;

    private readonly ConcurrentDictionary<string, ReadOnlyMemory<byte>> _binaries = new();

    /// <summary>Data of the driver's pipeline cache; empty where there is none.</summary>
    public ReadOnlyMemory<byte> Driver { get; init; }

    /// <summary>How many binaries there are.</summary>
    public int Count => _binaries.Count;

    /// <summary>A shader's binary.</summary>
    /// <param name="key">Hexadecimal SHA-256 of what it was made of.</param>
    public ReadOnlyMemory<byte>? Find(string key) => _binaries.TryGetValue(key, out ReadOnlyMemory<byte> binary) ? binary : default(ReadOnlyMemory<byte>?);

    /// <summary>Keeps a shader's binary.</summary>
    public void Keep(string key, ReadOnlyMemory<byte> binary) => _binaries[key] = binary;

    /// <summary>Takes the binaries of others that are not here yet.</summary>
    public void Add(CompiledShaders others)
    {
        foreach ((string key, ReadOnlyMemory<byte> binary) in others._binaries) _binaries.TryAdd(key, binary);
    }

    /// <summary>All of it: the driver's data, then each binary, each with its length in front.</summary>
    public byte[] ToBytes()
    {
        KeyValuePair<string, ReadOnlyMemory<byte>>[] binaries = [.. _binaries.OrderBy(binary => binary.Key, StringComparer.Ordinal)];
        using var stream = new MemoryStream(sizeof(int) + Driver.Length + binaries.Sum(binary => KeyBytes + sizeof(int) + binary.Value.Length));
        Write(Driver.Span);
        foreach ((string key, ReadOnlyMemory<byte> binary) in binaries)
        {
            stream.Write(Convert.FromHexString(key));
            Write(binary.Span);
        }
        return stream.ToArray();

        void Write(ReadOnlySpan<byte> bytes)
        {
            Span<byte> length = stackalloc byte[sizeof(int)];
            BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
            stream.Write(length);
            stream.Write(bytes);
        }
    }

    /// <summary>What <see cref="ToBytes"/> wrote; null for anything else.</summary>
    public static CompiledShaders? TryParse(ReadOnlyMemory<byte> bytes)
    {
        if (TryTake(ref bytes) is not { } driver) return null;
        var compiled = new CompiledShaders { Driver = driver };
        while (!bytes.IsEmpty)
        {
            if (bytes.Length < KeyBytes) return null;
            string key = Convert.ToHexStringLower(bytes.Span[..KeyBytes]);
            bytes = bytes[KeyBytes..];
            if (TryTake(ref bytes) is not { } binary) return null;
            compiled.Keep(key, binary);
        }
        return compiled;
    }

    private static ReadOnlyMemory<byte>? TryTake(ref ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length < sizeof(int)) return null;
        int length = BinaryPrimitives.ReadInt32LittleEndian(bytes.Span);
        ReadOnlyMemory<byte> rest = bytes[sizeof(int)..];
        if (length < 0 || length > rest.Length) return null;
        bytes = rest[length..];
        return rest[..length];
    }
}
