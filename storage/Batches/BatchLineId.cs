using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Gemma2.Storage.Files;

namespace Gemma2.Storage.Batches;

/// <summary>The names of the results of a batch's lines. They follow from the batch and the line's number, so that a result tells which line it is of.</summary>
public static class BatchLineId
{
    /// <summary>What stands before a line's name in its result.</summary>
    public const string Prefix = "batch_req_";

    // How every line of an output or error file begins: Prefix behind the first field's name.
    private static readonly byte[] Beginning = Encoding.UTF8.GetBytes($"{{\"id\":\"{Prefix}");

    /// <summary>Names a line's result, without the prefix that tells its kind.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="line">The line's number in the input, from 1.</param>
    public static string Of(OwnedId batch, int line) => ValueOf(batch, line).ToString("x32", CultureInfo.InvariantCulture);

    /// <summary>A line's name as a number.</summary>
    internal static UInt128 ValueOf(OwnedId batch, int line)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{batch} {line}")), hash);
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(hash);
    }

    /// <summary>The name that a result of an output or error file begins with, as a number.</summary>
    /// <exception cref="StorageException">It is no such result.</exception>
    internal static UInt128 ValueOf(FileLine result)
    {
        ReadOnlySpan<byte> text = result.Text is { } kept ? kept.Span : default;
        return text.StartsWith(Beginning) && UInt128.TryParse(text[Beginning.Length..].Slice(0, Math.Min(32, text.Length - Beginning.Length)), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out UInt128 value)
            ? value
            : throw new StorageException($"Line {result.Number} of a batch's file is not a result.");
    }
}
