using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Gemma2.Storage.Files;

/// <summary>A line of a file.</summary>
/// <param name="Number">Its number, blank lines counted.</param>
/// <param name="Offset">Where it begins, in bytes.</param>
/// <param name="Length">Its bytes with the line end.</param>
/// <param name="Text">Its bytes without the line end, until the next line is read; null when it is too long to be kept.</param>
public readonly record struct FileLine(int Number, long Offset, long Length, ReadOnlyMemory<byte>? Text)
{
    /// <summary>True for a line of white space.</summary>
    public bool IsBlank => Text is { } text && text.Span.IndexOfAnyExcept(" \t\r"u8) < 0;
}

/// <summary>
/// Reads a JSONL file line by line, in little memory whatever the file holds: LF or CRLF, a byte order mark or none, a last line with or without its end.
/// </summary>
public static class LineReader
{
    /// <summary>A longer request is not kept, only counted: it could not fit any context.</summary>
    public const int MaxLineBytes = 1 << 20;

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <summary>The lines of a stream.</summary>
    /// <param name="stream">Read to its end.</param>
    /// <param name="offset">Where in the file it begins.</param>
    /// <param name="firstLine">The number of its first line.</param>
    /// <param name="cancellationToken">Ends the read.</param>
    /// <param name="maxLineBytes">A longer line is not kept.</param>
    public static async IAsyncEnumerable<FileLine> ReadAsync(
        Stream stream, long offset, int firstLine, [EnumeratorCancellation] CancellationToken cancellationToken, int maxLineBytes = MaxLineBytes)
    {
        PipeReader reader = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 1 << 16, leaveOpen: true));
        int number = firstLine;
        // Bytes of the present line that were thrown away because it is too long.
        long skipped = 0;
        while (true)
        {
            ReadResult read = await reader.ReadAsync(cancellationToken);
            ReadOnlySequence<byte> buffer = read.Buffer;
            while (TryTakeLine(ref buffer, read.IsCompleted, out ReadOnlySequence<byte> line))
            {
                long length = skipped + line.Length;
                yield return new FileLine(number++, offset, length, length <= maxLineBytes ? Trim(line, offset) : default(ReadOnlyMemory<byte>?));
                offset += length;
                skipped = 0;
            }
            if (skipped + buffer.Length > maxLineBytes)
            {
                skipped += buffer.Length;
                buffer = buffer.Slice(buffer.End);
            }
            reader.AdvanceTo(buffer.Start, buffer.End);
            if (read.IsCompleted)
            {
                // The end of a last line without a line end that was too long.
                if (skipped > 0) yield return new FileLine(number, offset, skipped, null);
                yield break;
            }
        }
    }

    private static bool TryTakeLine(ref ReadOnlySequence<byte> buffer, bool isLast, out ReadOnlySequence<byte> line)
    {
        SequencePosition? end = buffer.PositionOf((byte)'\n');
        SequencePosition next = end is { } found ? buffer.GetPosition(1, found) : buffer.End;
        line = buffer.Slice(0, next);
        if (end is null && (!isLast || line.IsEmpty)) return false;
        buffer = buffer.Slice(next);
        return true;
    }

    private static ReadOnlyMemory<byte> Trim(ReadOnlySequence<byte> line, long offset)
    {
        ReadOnlyMemory<byte> text = line.IsSingleSegment ? line.First : line.ToArray();
        if (offset == 0 && text.Span.StartsWith(ByteOrderMark)) text = text[ByteOrderMark.Length..];
        return text[..text.Span.TrimEnd("\r\n"u8).Length];
    }
}
