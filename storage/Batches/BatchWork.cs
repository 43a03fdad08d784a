using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Gemma2.Storage.Jobs;

namespace Gemma2.Storage.Batches;

/// <summary>What workers do to a batch on its way from its input to its files. Every step may be done twice, and by two at once.</summary>
/// <param name="connection">The storage account.</param>
/// <param name="lease">How long a worker may be silent before another may take its chunk: as long as a message is one worker's.</param>
/// <param name="terms">What batches get that do not say it themselves; null is nothing.</param>
public sealed class BatchWork(StorageConnection connection, TimeSpan lease, BatchTerms? terms = null)
{
    // How many messages are sent, or blobs deleted, at once.
    private const int ParallelCalls = 16;

    // A new batch's own message mostly comes at once: a twelfth of the lease, 5 seconds of a minute, is long enough to wait for it.
    private const int LeaseOverPatience = 12;

    private readonly BatchRecords _records = new(connection);
    private readonly BatchTerms _terms = terms ?? new BatchTerms();
    private readonly BlobContainerClient _container = connection.Blobs.GetBlobContainerClient(StorageNames.Batches);

    /// <summary>The messages.</summary>
    public JobQueue Messages { get; } = new(connection, StorageNames.BatchRequests);

    /// <summary>The markers of batches that have not ended.</summary>
    public BatchMarkers Markers { get; } = new(connection);

    /// <summary>The chunks.</summary>
    public ChunkStore Chunks { get; } = new(connection, lease);

    /// <summary>The time, by storage's clock.</summary>
    public DateTimeOffset UtcNow => connection.UtcNow;

    /// <summary>A batch's record, without counts of chunks in hand; null when there is none.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<BatchRecord?> TryReadAsync(OwnedId key, CancellationToken cancellationToken) => (await _records.TryReadAsync(key, cancellationToken))?.Record;

    /// <summary>How a batch was split; null when it was not yet.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<BatchPlan?> TryReadPlanAsync(OwnedId key, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte>? json = await SmallBlobs.TryReadAsync(
            connection, StorageNames.Batches, BatchBlobs.Plan(key), BatchPlan.MaxBytes, cancellationToken);
        return json is null ? null : BatchPlan.Parse(json.Value.Span, BatchBlobs.Plan(key));
    }

    /// <summary>Stores how a batch is split and gives what is stored: another worker may have been faster, with other pieces.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<BatchPlan> WritePlanOnceAsync(OwnedId key, BatchPlan plan, CancellationToken cancellationToken)
    {
        WriteOutcome outcome = await SmallBlobs.WriteOnceAsync(connection, StorageNames.Batches, BatchBlobs.Plan(key), plan.ToJson(), cancellationToken);
        return outcome == WriteOutcome.Written ? plan : await TryReadPlanAsync(key, cancellationToken) ?? plan;
    }

    /// <summary>How long another worker may still be about to split a batch; zero or less where it seems to be none's.</summary>
    public TimeSpan SplitBusyFor(ActiveBatch batch) => batch.IsBeingSplit ? batch.ChangedAt + lease - UtcNow : TimeSpan.Zero;

    /// <summary>Whether a batch waits to be split, and nobody seems to be about to do so.</summary>
    public bool MayBeSplit(ActiveBatch batch, DateTimeOffset now) =>
        batch.Chunks == 0 && now - batch.ChangedAt >= (batch.IsBeingSplit ? lease : lease / LeaseOverPatience);

    /// <summary>The numbers of a batch's chunks that were some worker's: in hand, or done, or left by one that died, which its message looks after.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<HashSet<int>> ListTakenChunksAsync(OwnedId key, CancellationToken cancellationToken) =>
    [
        .. (await BatchListing.ListAsync(connection, BatchBlobs.Chunks(key), cancellationToken))
            .Where(chunk => ClaimState.Read(chunk.Metadata).Worker is not null)
            .Select(chunk => BatchBlobs.Number(chunk.Name)).OfType<int>(),
    ];

    /// <summary>Opens a split batch for work: it is in progress, unless it was cancelled before, or has no request; then it stays what it is until its files are there.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task<BatchRecord?> BeginAsync(OwnedId key, BatchPlan plan, CancellationToken cancellationToken) => _records.UpdateAsync(
        key,
        record => record.HasEnded || record.ChunkCount > 0 ? record : _terms.AddTo(record) with
        {
            Status = record.Status == BatchStatus.Validating && !plan.HasNoRequest ? BatchStatus.InProgress : record.Status,
            InProgressAt = plan.HasNoRequest ? null : UtcNow,
            HasNoRequest = plan.HasNoRequest,
            ChunkCount = plan.Chunks.Count,
            EstimatedTokens = plan.Tokens,
            Counts = new BatchCounts(plan.Lines, 0, 0),
            Errors = plan.Errors,
        },
        cancellationToken);

    /// <summary>Ends a batch that has no line, or whose lines cannot be read.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task FailAsync(OwnedId key, long lines, IReadOnlyList<BatchError> errors, CancellationToken cancellationToken)
    {
        BatchRecord? ended = await _records.UpdateAsync(
            key,
            record => record.HasEnded ? record : _terms.AddTo(record) with
            {
                Status = BatchStatus.Failed,
                FailedAt = UtcNow,
                Counts = new BatchCounts(lines, 0, lines),
                Errors = errors,
            },
            cancellationToken);
        if (ended is not null) await CleanUpAsync(key, cancellationToken);
    }

    /// <summary>Queues the chunks that have no results yet; where all have, puts the files together.</summary>
    /// <exception cref="StorageException">Storage failed; some may be queued.</exception>
    public async Task SendMissingAsync(OwnedId key, BatchPlan plan, CancellationToken cancellationToken)
    {
        IReadOnlyList<BlobItem> results = await BatchListing.ListAsync(connection, BatchBlobs.Results(key), cancellationToken);
        HashSet<int> done = [.. results.Select(blob => BatchBlobs.OutputOf(blob.Name)).OfType<int>()];
        BatchChunk[] missing = [.. plan.Chunks.Where(chunk => !done.Contains(chunk.Index))];
        await Parallel.ForEachAsync(
            missing,
            new ParallelOptions { MaxDegreeOfParallelism = ParallelCalls, CancellationToken = cancellationToken },
            async (chunk, token) => await Messages.SendAsync(new BatchMessage(key, chunk).ToJson(), TimeSpan.Zero, token));
        if (missing.Length == 0) await TryFinishAsync(key, cancellationToken);
    }

    /// <summary>Puts a batch's files together if all its chunks have their results, and ends it. True when it has ended.</summary>
    /// <exception cref="StorageException">Storage failed: do it again.</exception>
    public Task<bool> TryFinishAsync(OwnedId key, CancellationToken cancellationToken) => new BatchAssembly(connection, this).TryFinishAsync(key, cancellationToken);

    /// <summary>Notes that it was tried to tell of a batch's end.</summary>
    /// <param name="key">Which batch.</param>
    /// <param name="number">Which try it was, from 1.</param>
    /// <param name="outcome">What came of it in the end; null where it is tried again.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task NoteCallbackAsync(OwnedId key, int number, string? outcome, CancellationToken cancellationToken) => _records.UpdateAsync(
        key,
        record => record.CallbackOutcome is not null || (record.CallbackTries >= number && outcome is null)
            ? record
            : record with { CallbackTries = Math.Max(record.CallbackTries, number), CallbackOutcome = outcome },
        cancellationToken);

    /// <summary>Deletes all of a batch that has ended but its record, and its marker last: that stays while somebody is still to be told of the end.</summary>
    /// <exception cref="StorageException">Storage failed: do it again.</exception>
    public async Task CleanUpAsync(OwnedId key, CancellationToken cancellationToken)
    {
        // Only a record can say that a batch has ended; that none is found is no reason to delete.
        if (await TryReadAsync(key, cancellationToken) is not { HasEnded: true }) return;
        IReadOnlyList<BlobItem> blobs = await BatchListing.ListAsync(connection, BatchBlobs.Folder(key), cancellationToken);
        string record = BatchBlobs.Record(key);
        await DeleteAsync(blobs.Select(blob => blob.Name).Where(name => name != record), cancellationToken);
        if (await TryReadAsync(key, cancellationToken) is { HasEnded: true, AwaitsCallback: false }) await DeleteAsync([BatchBlobs.Active(key)], cancellationToken);
    }

    internal Task DeleteAsync(IEnumerable<string> blobs, CancellationToken cancellationToken) => Parallel.ForEachAsync(
        blobs,
        new ParallelOptions { MaxDegreeOfParallelism = ParallelCalls, CancellationToken = cancellationToken },
        async (blob, ending) => await connection.Pipeline.RunAsync(
            $"Deleting blob {StorageNames.Batches}/{blob}", token => _container.DeleteBlobIfExistsAsync(blob, cancellationToken: token), ending));
}
