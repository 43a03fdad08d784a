using System.Buffers.Binary;
using System.Text;
using Gemma2.Backend.Formats.Files;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>
/// Reads the parts of a GGUF header from a file that is read forward. A length or count is checked against the bytes that are left before anything
/// is allocated for it.
/// </summary>
/// <param name="stream">The file from its first byte on; it should buffer, as most reads are of a few bytes.</param>
/// <param name="label">The model's and the file's name, for messages.</param>
/// <param name="length">The file's length in bytes.</param>
/// <param name="cancellationToken">Stops reading.</param>
internal sealed class GgufReader(Stream stream, string label, long length, CancellationToken cancellationToken)
{
    /// <summary>Longest header that is read. Gemma 2's have 6 to 8 MB, nearly all of it vocabulary.</summary>
    public const int LongestHeader = 64 << 20;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private byte[] _buffer = new byte[256];

    /// <summary>Bytes read so far.</summary>
    public long Position { get; private set; }

    /// <summary>Bytes that the header can still have.</summary>
    private long Left => Math.Min(length, LongestHeader) - Position;

    /// <summary>A number of 8 bits.</summary>
    public async ValueTask<byte> ReadByteAsync(string what) => (await ReadBytesAsync(1, what)).Span[0];

    /// <summary>A number of 16 bits.</summary>
    public async ValueTask<ushort> ReadUInt16Async(string what) => BinaryPrimitives.ReadUInt16LittleEndian((await ReadBytesAsync(2, what)).Span);

    /// <summary>A number of 32 bits.</summary>
    public async ValueTask<uint> ReadUInt32Async(string what) => BinaryPrimitives.ReadUInt32LittleEndian((await ReadBytesAsync(4, what)).Span);

    /// <summary>A number of 64 bits.</summary>
    public async ValueTask<ulong> ReadUInt64Async(string what) => BinaryPrimitives.ReadUInt64LittleEndian((await ReadBytesAsync(8, what)).Span);

    /// <summary>The length of something, counted in parts of at least some bytes each.</summary>
    /// <exception cref="ModelException">The bytes that are left cannot hold as many, or it is more than is allowed.</exception>
    public async ValueTask<int> ReadCountAsync(string what, int leastBytes, int most = int.MaxValue)
    {
        ulong count = await ReadUInt64Async(what);
        long room = Math.Min(most, Left / leastBytes);
        return count <= (ulong)room ? (int)count : throw Error($"{what} has the length {count}, it says before byte {Position}; at most {room} is possible there.");
    }

    /// <summary>A text.</summary>
    /// <exception cref="ModelException">It is cut, or not UTF-8.</exception>
    public async ValueTask<string> ReadTextAsync(string what)
    {
        int count = await ReadCountAsync(what, leastBytes: 1);
        ReadOnlyMemory<byte> text = await ReadBytesAsync(count, what);
        try
        {
            return StrictUtf8.GetString(text.Span);
        }
        catch (DecoderFallbackException error)
        {
            throw new ModelException($"{label}: {what}, before byte {Position}, is not UTF-8.", error);
        }
    }

    /// <summary>Some bytes.</summary>
    /// <returns>Valid until the next read.</returns>
    /// <exception cref="ModelException">They are not there.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> ReadBytesAsync(int count, string what)
    {
        if (count > Left) throw Cut(what);
        if (count > _buffer.Length) _buffer = new byte[Math.Max(count, 2 * _buffer.Length)];
        Memory<byte> bytes = _buffer.AsMemory(0, count);
        await ModelStream.ReadAsync(stream, bytes, label, cancellationToken);
        Position += count;
        return bytes;
    }

    /// <summary>Passes over some bytes.</summary>
    /// <exception cref="ModelException">They are not there.</exception>
    public async ValueTask SkipAsync(long count, string what)
    {
        if (count > Left) throw Cut(what);
        for (int part; count > 0; count -= part)
        {
            part = (int)Math.Min(count, _buffer.Length);
            await ReadBytesAsync(part, what);
        }
    }

    /// <summary>The error for something in this file.</summary>
    public ModelException Error(string message) => new($"{label}: {message}");

    private ModelException Cut(string what) => length > LongestHeader
        ? Error($"its header is longer than {LongestHeader >> 20} MiB, which no Gemma 2 needs.")
        : Error($"ends in the middle of {what}: it is {length} bytes long.");
}
