using Gemma2.Service.Model;
using Gemma2.Service.Options;
using Gemma2.Service.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Batches;

namespace Gemma2.Service.Batches;

/// <summary>Does what a chunk's message asks for: its lines are run, its results written, and with the last chunk's the batch is put together.</summary>
internal sealed class ChunkStep(
    BatchWork work, ChunkInput input, LineRunner runner, ModelHost model, IHostApplicationLifetime lifetime, Gemma2Options options, ILogger<ChunkStep> log)
{
    /// <summary>From this claim on without a new result, lines run one at a time: so it shows which of them ends its worker.</summary>
    private const int CarefulAttempt = 3;

    /// <summary>At this claim without a new result the first line without one is failed, and the others go on.</summary>
    private const int LastAttempt = 5;

    // The Functions host kills a process whose function takes too long: the last lines of a turn must end before.
    private const int ShortestTurn = 30;
    private const int LongestTurn = 300;

    // Others must not wait for the lease of a worker that knows that it ends; storage may be away, though.
    private static readonly TimeSpan ReleaseTime = TimeSpan.FromSeconds(3);

    /// <summary>
    /// After so long no line is begun any more, and the chunk goes to the end of the queue: one that takes twice the time that it was made for was estimated too
    /// short, and others wait for their turn.
    /// </summary>
    private readonly TimeSpan _turnTime = TimeSpan.FromSeconds(Math.Clamp(2 * options.BatchChunkSeconds, ShortestTurn, LongestTurn));

    /// <summary>Works on a chunk as far as it gets.</summary>
    /// <exception cref="StorageException">Storage failed: what was made safe stays.</exception>
    /// <exception cref="Backend.DeviceException">The device failed: likewise.</exception>
    /// <exception cref="OperationCanceledException">The token: likewise.</exception>
    public async Task<QueueOutcome> RunAsync(BatchMessage message, BatchChunk chunk, CancellationToken cancellationToken)
    {
        OwnedId batch = message.Batch;
        if (!await IsOpenAsync(batch, cancellationToken))
            return QueueOutcome.Done;
        using EngineLease lease = await model.TakeAsync(cancellationToken);
        if (!await work.Chunks.HasResultsAsync(batch, chunk.Index, cancellationToken))
        {
            (ChunkClaim? claim, TimeSpan busyFor) = await work.Chunks.TryClaimAsync(batch, chunk.Index, cancellationToken);
            if (claim is null)
                return new QueueOutcome.Replaced(message.ToJson(), busyFor + Jitter());
            if (await RunClaimedAsync(message, chunk, claim, lease, cancellationToken) is { } outcome)
                return outcome;
        }
        await FinishAsync(batch, chunk.Index, cancellationToken);
        return QueueOutcome.Done;
    }

    // Those who wait for one chunk do not come back together.
    private static TimeSpan Jitter() => TimeSpan.FromSeconds(Random.Shared.NextDouble());

    /// <summary>
    /// False when the batch has ended, and then nothing of its work is left; or when it is not found, which is no reason to delete anything: if it is there
    /// after all, the sweep queues its chunks again.
    /// </summary>
    private async Task<bool> IsOpenAsync(OwnedId batch, CancellationToken cancellationToken)
    {
        BatchRecord? record = await work.TryReadAsync(batch, cancellationToken);
        if (record is null)
            log.LogWarning("Batch {Batch}: is not found", batch);
        else if (record.HasEnded)
            await work.CleanUpAsync(batch, cancellationToken);
        return record is { HasEnded: false };
    }

    /// <summary>Null when the chunk has its results; else what becomes of the message.</summary>
    private async Task<QueueOutcome?> RunClaimedAsync(
        BatchMessage message, BatchChunk chunk, ChunkClaim claim, EngineLease lease, CancellationToken cancellationToken)
    {
        try
        {
            // Looked at after the claim was made: a batch that ends meanwhile would else keep the claim's blob for ever.
            if (!await IsOpenAsync(message.Batch, cancellationToken))
                return QueueOutcome.Done;
            if (await RunLinesAsync(message, chunk, claim, lease, cancellationToken))
            {
                await work.Chunks.WriteResultsAsync(message.Batch, chunk.Index, claim.Lines, cancellationToken);
                return null;
            }
            await claim.ReleaseAsync(cancellationToken);
            return new QueueOutcome.Replaced(message.ToJson(), TimeSpan.Zero);
        }
        catch (ClaimLostException lost)
        {
            log.LogInformation("Batch {Batch}: {Reason}", message.Batch, lost.Message);
            await IsOpenAsync(message.Batch, cancellationToken);
            // Whoever took it has a message of its own.
            return QueueOutcome.Done;
        }
        catch (Exception error) when (RetryBackoff.IsInfrastructure(error))
        {
            await TryReleaseAsync(claim);
            throw;
        }
    }

    /// <summary>True when all lines have their results in the chunk; false when this worker's turn is over, the app stops or another version of the model comes, before.</summary>
    private async Task<bool> RunLinesAsync(
        BatchMessage message, BatchChunk chunk, ChunkClaim claim, EngineLease lease, CancellationToken cancellationToken)
    {
        BatchRecord? batch = await work.TryReadAsync(message.Batch, cancellationToken);
        if (batch is null)
            throw new ClaimLostException(message.Batch.Path);
        var output = new BatchOutput(batch.Key);
        IReadOnlyList<BatchLine> lines = await input.ReadAsync(batch, chunk, lease.Engine.ModelName, cancellationToken);
        var rest = new Remaining(lines, claim);

        await AppendAsync(claim, rest.Bad().Select(line => output.NotRun(line, line.Error!)), cancellationToken);
        if (message.Retries > RetryBackoff.MaxRetries)
            await AppendAsync(claim, rest.Good().Select(line => output.NotRun(line, GivenUp(message))), cancellationToken);
        if (claim.Attempts >= LastAttempt)
            await AppendAsync(claim, rest.Good().Take(1).Select(line => output.NotRun(line, Deadly(line, claim))), cancellationToken);

        bool careful = claim.Attempts >= CarefulAttempt;
        // Where another version of the model takes this one's place, lines in hand end here, and the others go on with that.
        using var turn = CancellationTokenSource.CreateLinkedTokenSource(lifetime.ApplicationStopping, lease.Retiring);
        turn.CancelAfter(_turnTime);
        var run = new ChunkRun(work, claim, runner, batch, lease.Engine, turn.Token, lifetime.ApplicationStopping);
        while (rest.Good() is { Count: > 0 } left)
        {
            if (batch is null)
                throw new ClaimLostException(message.Batch.Path);
            if (BatchVerdict.Against(batch, work.UtcNow) is { } verdict)
            {
                bool expired = BatchVerdict.HasExpired(batch, work.UtcNow);
                await AppendAsync(claim, left.Select(line => output.NotRun(line, verdict, expired)), cancellationToken);
            }
            else if (turn.IsCancellationRequested)
            {
                return false;
            }
            else
            {
                batch = await run.RunAsync(careful ? [left[0]] : left, cancellationToken);
            }
        }
        return true;
    }

    private static async Task AppendAsync(ChunkClaim claim, IEnumerable<ChunkLine> results, CancellationToken cancellationToken)
    {
        ChunkLine[] lines = [.. results];
        if (lines.Length > 0)
            await claim.AppendAsync(lines, cancellationToken);
    }

    private static BatchError GivenUp(BatchMessage message) =>
        new("gave_up", $"The line was given up: its chunk could not be worked on in {message.Retries} tries.");

    private BatchError Deadly(BatchLine line, ChunkClaim claim)
    {
        log.LogError("Line {Line} is failed: its worker ended {Times} times while it ran", line.Number, claim.Attempts - 1);
        return new BatchError("worker_ended", $"The line was given up: its worker ended {claim.Attempts - 1} times while it ran.");
    }

    private async Task TryReleaseAsync(ChunkClaim claim)
    {
        using var time = new CancellationTokenSource(ReleaseTime);
        try
        {
            await claim.ReleaseAsync(time.Token);
        }
        catch (Exception error) when (error is StorageException or ClaimLostException or OperationCanceledException)
        {
            log.LogWarning("A chunk could not be released: {Reason}", error.Message);
        }
    }

    private async Task FinishAsync(OwnedId batch, int chunk, CancellationToken cancellationToken)
    {
        // Looked at after the results were written, for the same reason as after a claim.
        BatchRecord? record = await work.TryReadAsync(batch, cancellationToken);
        if (record is { HasEnded: false, ChunkCount: > 0 })
        {
            // One look at the next chunk, which mostly has no results yet, saves listing all. The last writer of all finds every chunk done.
            int next = (chunk + 1) % record.ChunkCount;
            if (!await work.Chunks.HasResultsAsync(batch, next, cancellationToken))
                return;
        }
        if (await work.TryFinishAsync(batch, cancellationToken))
            log.LogInformation("Batch {Batch}: has ended", batch);
    }

    /// <summary>The lines of a chunk that have no results yet.</summary>
    private sealed class Remaining(IReadOnlyList<BatchLine> lines, ChunkClaim claim)
    {
        public IReadOnlyList<BatchLine> Good() => [.. Unfinished().Where(line => line.Error is null)];

        public IReadOnlyList<BatchLine> Bad() => [.. Unfinished().Where(line => line.Error is not null)];

        private IEnumerable<BatchLine> Unfinished()
        {
            HashSet<int> finished = [.. claim.Lines.Select(line => line.Line)];
            return lines.Where(line => !finished.Contains(line.Number));
        }
    }
}
