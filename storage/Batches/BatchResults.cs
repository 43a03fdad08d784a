using Azure.Storage.Blobs.Models;
using Gemma2.Backend;
using Gemma2.Storage.Files;

namespace Gemma2.Storage.Batches;

/// <summary>Some results of a batch.</summary>
/// <param name="Status">How far the batch was when they were read.</param>
/// <param name="Lines">The results, as the output and error files have them.</param>
/// <param name="Next">What to ask for next, as <c>after</c>.</param>
/// <param name="HasMore">Whether there are more already.</param>
public sealed record BatchResultPage(BatchStatus Status, IReadOnlyList<ReadOnlyMemory<byte>> Lines, string Next, bool HasMore);

/// <summary>
/// The results of a batch, answers and errors, while it runs and after. A reader who asks on with what the last page gave is given each line once,
/// whatever order lines end in: the page says which it has been given, and after the end the rest comes from the batch's files, in the input's order.
/// </summary>
/// <param name="connection">The storage account.</param>
public sealed class BatchResults(StorageConnection connection)
{
    /// <summary>The most lines that are given at once.</summary>
    public const int MaxLines = 1000;

    // Pages fit in memory, and in an answer.
    private const long MaxBytes = 8 << 20;

    // So many blank lines in a row are no input, but a number that nobody gave out.
    private const int MostBlankLines = 10_000_000;

    // The longest answer: log-probabilities of as many tokens as a request may ask for.
    private const int MaxResultBytes = 128 << 20;

    private readonly BatchRecords _records = new(connection);
    private readonly FileStore _files = new(connection);

    /// <summary>Reads results that were not given yet; null when there is no such batch.</summary>
    /// <param name="key">Which batch.</param>
    /// <param name="after">Which were given: what the last page said, a line's number, or nothing.</param>
    /// <param name="limit">At most so many lines.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="InvalidRequestException">What was asked for is not allowed, or the batch's files are gone.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<BatchResultPage?> TryReadAsync(OwnedId key, string? after, int limit, CancellationToken cancellationToken)
    {
        var page = new Page(GivenLines.Parse(after), limit);
        if (await _records.TryReadAsync(key.Validated(), cancellationToken) is not { Record: var batch }) return null;
        if (!batch.HasEnded && !await TryReadChunksAsync(batch, page, cancellationToken))
        {
            // It ended meanwhile: its chunks are gone.
            page = new Page(GivenLines.Parse(after), limit);
            if (await _records.TryReadAsync(key, cancellationToken) is not { Record: var now }) return null;
            batch = now;
        }
        if (batch.HasEnded) await ReadFilesAsync(batch, page, cancellationToken);
        return page.End(batch.Status);
    }

    /// <summary>False where the chunks are there no more.</summary>
    private async Task<bool> TryReadChunksAsync(BatchRecord batch, Page page, CancellationToken cancellationToken)
    {
        if (batch.ChunkCount == 0) return true;
        ReadOnlyMemory<byte>? json = await SmallBlobs.TryReadAsync(
            connection, StorageNames.Batches, BatchBlobs.Plan(batch.Key), BatchPlan.MaxBytes, cancellationToken);
        if (json is not { } found) return false;
        BatchPlan plan = BatchPlan.Parse(found.Span, BatchBlobs.Plan(batch.Key));
        foreach (BlobItem blob in await BatchListing.ListAsync(connection, BatchBlobs.Chunks(batch.Key), cancellationToken))
        {
            if (page.HasMore || page.HoldsBack) return true;
            if (BatchBlobs.Number(blob.Name) is not { } number || number >= plan.Chunks.Count) continue;
            BatchChunk chunk = plan.Chunks[number];
            // Lines that are blank belong to the chunk before them. The last one's end is not known before its lines are.
            int last = number + 1 < plan.Chunks.Count ? plan.Chunks[number + 1].FirstLine - 1 : int.MaxValue - 1;
            ChunkTally tally = ChunkTally.Read(blob.Metadata);
            if (tally.Completed + tally.Failed <= page.Given.CountIn(chunk.FirstLine, last)) continue;
            page.HasMore = page.IsFull;
            if (page.HasMore) return true;
            if (await VersionedBlobs.TryReadAsync(connection, StorageNames.Batches, blob.Name, cancellationToken) is not { } content) return false;
            page.Take(chunk, last, ChunkCheckpoint.Read(content.Json, blob.Name));
        }
        return true;
    }

    private async Task ReadFilesAsync(BatchRecord batch, Page page, CancellationToken cancellationToken)
    {
        GivenLines given = page.Given;
        (long output, long errors) = given.Offsets ?? (0, 0);
        int line = given.Offsets is null ? 1 : given.UpTo + 1;
        await using ResultReader answers = await OpenAsync(batch, batch.OutputFileId, output, cancellationToken), failures = await OpenAsync(batch, batch.ErrorFileId, errors, cancellationToken);
        int lastFound = line;
        // Each line of the input is in one of the files, or blank.
        for (; answers.Id is not null || failures.Id is not null; line++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (line - lastFound > MostBlankLines) throw GivenLines.Refused();
            UInt128 id = BatchLineId.ValueOf(batch.Key, line);
            if ((answers.Id == id ? answers : failures.Id == id ? failures : null) is not { } file) continue;
            if (!given.Contains(line))
            {
                if (page.IsFull) break;
                page.Add(file.Text);
            }
            lastFound = line;
            given.Add(1, line);
            await file.MoveAsync();
        }
        page.HasMore = answers.Id is not null || failures.Id is not null;
        given.Offsets = (answers.Offset, failures.Offset);
    }

    private async Task<ResultReader> OpenAsync(BatchRecord batch, string? file, long offset, CancellationToken cancellationToken)
    {
        if (file is null) return new ResultReader(Stream.Null, 0, cancellationToken);
        Stream stream = await _files.TryOpenReadAsync(batch.Key with { Id = file }, offset, null, cancellationToken)
            ?? throw new InvalidRequestException(null, $"The results of the batch '{batch.Key.Id}' are there no more: its file '{file}' was deleted, or has expired.");
        var reader = new ResultReader(stream, offset, cancellationToken);
        try
        {
            await reader.MoveAsync();
        }
        catch (StorageException) when (offset > 0)
        {
            // No result begins there.
            await reader.DisposeAsync();
            throw GivenLines.Refused();
        }
        return reader;
    }

    /// <summary>A page as it fills.</summary>
    private sealed class Page(GivenLines given, int limit)
    {
        private readonly List<ReadOnlyMemory<byte>> _lines = [];
        private long _bytes;

        public GivenLines Given => given;

        public bool HasMore { get; set; }

        /// <summary>True where the lines given would have too many gaps: later ones come when earlier ones have.</summary>
        public bool HoldsBack { get; private set; }

        public bool IsFull => _lines.Count >= limit || _bytes >= MaxBytes;

        public void Add(ReadOnlyMemory<byte> line)
        {
            _lines.Add(line.ToArray());
            _bytes += line.Length;
        }

        /// <summary>Takes the lines of a chunk that were not given yet.</summary>
        public void Take(BatchChunk chunk, int last, List<ChunkLine> lines)
        {
            foreach (ChunkLine line in lines.Where(line => !given.Contains(line.Line)).OrderBy(line => line.Line))
            {
                HasMore = IsFull;
                HoldsBack = given.IsFull && !given.Contains(line.Line - 1);
                if (HasMore || HoldsBack) return;
                Add(line.Output);
                given.Add(line.Line, line.Line);
            }
            // What else lies between its lines is blank.
            if (lines.Count == chunk.Lines) given.Add(chunk.FirstLine, last < int.MaxValue - 1 ? last : lines.Max(line => line.Line));
        }

        public BatchResultPage End(BatchStatus status) => new(status, _lines, given.ToString(), HasMore);
    }

    /// <summary>A file of results, of which one is looked at.</summary>
    private sealed class ResultReader(Stream stream, long offset, CancellationToken cancellationToken) : IAsyncDisposable
    {
        private readonly IAsyncEnumerator<FileLine> _lines = LineReader.ReadAsync(stream, offset, 1, cancellationToken, MaxResultBytes).GetAsyncEnumerator(cancellationToken);

        /// <summary>Which line's the result is; null at the file's end.</summary>
        public UInt128? Id { get; private set; }

        /// <summary>Where it begins.</summary>
        public long Offset { get; private set; } = offset;

        public ReadOnlyMemory<byte> Text => _lines.Current.Text!.Value;

        public async Task MoveAsync()
        {
            if (Id is not null) Offset = _lines.Current.Offset + _lines.Current.Length;
            Id = await _lines.MoveNextAsync() ? BatchLineId.ValueOf(_lines.Current) : null;
        }

        public async ValueTask DisposeAsync()
        {
            await _lines.DisposeAsync();
            await stream.DisposeAsync();
        }
    }
}
