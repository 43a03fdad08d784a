using System.IO.Pipelines;
using Gemma2.Backend;
using Gemma2.Storage.Files;

namespace Gemma2.Storage.Batches;

/// <summary>
/// Makes a batch of the lines of another one that have no answer. Which batch that is, is decided once and noted in the first one's record: whoever asks again,
/// also at the same time, or after one that died, is given the same.
/// </summary>
/// <param name="connection">The storage account.</param>
public sealed class BatchRetry(StorageConnection connection)
{
    /// <summary>The note that says of which batch a batch is a retry.</summary>
    public const string Note = "retry_of";

    private static readonly byte[] LineEnd = "\n"u8.ToArray();

    private readonly BatchRecords _records = new(connection);
    private readonly BatchStore _batches = new(connection);
    private readonly FileStore _files = new(connection);

    /// <summary>The retry of a batch, which is made where there is none yet; null when there is no such batch.</summary>
    /// <exception cref="InvalidRequestException">The batch has not ended, none of its lines failed, or its input is gone.</exception>
    /// <exception cref="StorageException">Storage failed: ask again.</exception>
    public async Task<BatchRecord?> RunAsync(OwnedId key, CancellationToken cancellationToken)
    {
        if (await _records.UpdateAsync(key.Validated(), Decide, cancellationToken) is not { } batch) return null;
        OwnedId retry = key with { Id = batch.RetryId! };
        if (await _batches.TryReadAsync(retry, cancellationToken) is { } made) return made;
        OwnedId input = key with { Id = BatchAssembly.FileId(retry, "input") };
        if (await _files.TryGetAsync(input, cancellationToken) is null) await UploadAsync(batch, input, cancellationToken);
        var metadata = new Dictionary<string, string>(batch.Metadata ?? new Dictionary<string, string>()) { [Note] = key.Id };
        var order = new NewBatch(key.Owner, batch.Endpoint, input.Id, batch.CompletionWindow, metadata, batch.OutputLifetime, batch.CallbackUrl);
        return await _batches.CreateAsync(retry, order, cancellationToken);
    }

    private static BatchRecord Decide(BatchRecord batch) =>
        batch.RetryId is not null ? batch
        : !batch.HasEnded ? throw new InvalidRequestException(null, $"The batch '{batch.Key.Id}' has not ended; only one that has can be retried.")
        : batch.Counts.Failed == 0 ? throw new InvalidRequestException(null, $"The batch '{batch.Key.Id}' has no line that failed: there is nothing to retry.")
        : batch with { RetryId = BatchStore.NewId() };

    private async Task UploadAsync(BatchRecord batch, OwnedId input, CancellationToken cancellationToken)
    {
        // All of a batch that failed as a whole.
        HashSet<UInt128>? failed = batch.ErrorFileId is { } errors ? await ReadIdsAsync(batch.Key with { Id = errors }, cancellationToken) : null;
        await using Stream lines = await OpenAsync(batch.Key with { Id = batch.InputFileId }, "input", cancellationToken);
        var pipe = new Pipe();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task writing = CopyAsync(lines, line => failed is null || failed.Contains(BatchLineId.ValueOf(batch.Key, line)), pipe.Writer, end.Token);
        try
        {
            await _files.UploadAsync(input, $"{batch.RetryId}_input.jsonl", FileStore.BatchPurpose, pipe.Reader.AsStream(), null, cancellationToken);
        }
        finally
        {
            await end.CancelAsync();
            await pipe.Reader.CompleteAsync();
            await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>The names of the lines that an error file has results of.</summary>
    private async Task<HashSet<UInt128>> ReadIdsAsync(OwnedId file, CancellationToken cancellationToken)
    {
        await using Stream errors = await OpenAsync(file, "error file", cancellationToken);
        var ids = new HashSet<UInt128>();
        await foreach (FileLine line in LineReader.ReadAsync(errors, 0, 1, cancellationToken)) ids.Add(BatchLineId.ValueOf(line));
        return ids;
    }

    private async Task<Stream> OpenAsync(OwnedId file, string what, CancellationToken cancellationToken) =>
        await _files.TryOpenReadAsync(file, 0, null, cancellationToken)
        ?? throw new InvalidRequestException(null, $"The batch cannot be retried: its {what}, the file '{file.Id}', was deleted, or has expired.");

    /// <summary>Copies the lines that are wanted, as they are. One that is too long to be read could not succeed either.</summary>
    private static async Task CopyAsync(Stream from, Func<int, bool> isWanted, PipeWriter to, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (FileLine line in LineReader.ReadAsync(from, 0, 1, cancellationToken))
            {
                if (line.IsBlank || line.Text is not { } text || !isWanted(line.Number)) continue;
                await to.WriteAsync(text, cancellationToken);
                await to.WriteAsync(LineEnd, cancellationToken);
            }
            await to.CompleteAsync();
        }
        catch (Exception e)
        {
            // Who reads the other end hears of it.
            await to.CompleteAsync(e);
        }
    }
}
