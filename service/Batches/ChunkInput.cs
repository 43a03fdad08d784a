using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;

namespace Gemma2.Service.Batches;

/// <summary>Reads the lines of one chunk from a batch's input.</summary>
internal sealed class ChunkInput(FileStore files)
{
    /// <summary>The chunk's lines, good and bad, in their order.</summary>
    public async Task<IReadOnlyList<BatchLine>> ReadAsync(BatchRecord batch, BatchChunk chunk, string model, CancellationToken cancellationToken)
    {
        var file = new OwnedId(batch.Key.Owner, batch.InputFileId);
        await using Stream? stream = await files.TryOpenReadAsync(file, chunk.Offset, chunk.Length, cancellationToken, evenExpired: true);
        if (stream is null)
            return Missing(batch, chunk);
        var parser = new BatchLineParser(batch.Endpoint, model);
        HashSet<int> duplicates = [.. chunk.Duplicates];
        var lines = new List<BatchLine>(chunk.Lines);
        await foreach (FileLine line in LineReader.ReadAsync(stream, chunk.Offset, chunk.FirstLine, cancellationToken))
        {
            if (line.IsBlank)
                continue;
            BatchLine read = parser.Parse(line);
            lines.Add(duplicates.Contains(read.Number) ? BatchLineParser.Duplicate(read) : read);
        }
        return lines;
    }

    // The plan still knows how many lines there were: each gets its error. Blank lines between them are not known any more.
    private static List<BatchLine> Missing(BatchRecord batch, BatchChunk chunk) =>
    [
        .. Enumerable.Range(chunk.FirstLine, chunk.Lines).Select(number => new BatchLine
        {
            Number = number,
            Error = new BatchError("input_file_missing", $"The batch's input, {batch.InputFileId}, was deleted before this line had an answer.", number),
        }),
    ];
}
