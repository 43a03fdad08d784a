using Gemma2.Service.Model;
using Gemma2.Service.Options;
using Gemma2.Service.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;

namespace Gemma2.Service.Batches;

/// <summary>Does what a new batch's message asks for: its input is looked through and divided, and its chunks are queued.</summary>
internal sealed class SplitStep(
    BatchWork work, FileStore files, ModelHost model, ThroughputMeter meter, Gemma2Options options, ILogger<SplitStep> log)
{
    /// <summary>Splits a batch. A split that died goes on: what it had decided is written.</summary>
    /// <param name="message">Asks for it.</param>
    /// <param name="begun">Whether this worker has said that it splits the batch.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="StorageException">Storage failed.</exception>
    /// <exception cref="OperationCanceledException">The token.</exception>
    public async Task<QueueOutcome> RunAsync(BatchMessage message, bool begun, CancellationToken cancellationToken)
    {
        OwnedId batch = message.Batch;
        BatchRecord? record = await work.TryReadAsync(batch, cancellationToken);
        if (record is { HasEnded: false } && await work.Markers.TryReadAsync(batch, cancellationToken) is { } marker)
        {
            // Another worker did so on another message's leave.
            if (marker.Chunks > 0)
                return QueueOutcome.Done;
            if (!begun && work.SplitBusyFor(marker) is var busy && busy > TimeSpan.Zero)
                return new QueueOutcome.Replaced(message.ToJson(), busy);
            if (!begun)
                await work.Markers.TryBeginSplitAsync(marker, cancellationToken);
        }
        if (record is { HasEnded: false })
        {
            BatchPlan plan = message.Retries > RetryBackoff.MaxRetries
                ? Nothing(new BatchError("gave_up", $"The batch was given up: its input could not be read in {message.Retries} tries."))
                : await work.TryReadPlanAsync(batch, cancellationToken) ?? await SplitAsync(record, cancellationToken);
            record = await OpenAsync(batch, plan, cancellationToken);
        }
        // One that is not found is left as it is: only a record can say that a batch has ended.
        if (record is { HasEnded: true })
            await work.CleanUpAsync(batch, cancellationToken);
        return QueueOutcome.Done;
    }

    private async Task<BatchRecord?> OpenAsync(OwnedId batch, BatchPlan plan, CancellationToken cancellationToken)
    {
        if (plan.Chunks.Count == 0)
        {
            log.LogInformation("Batch {Batch}: has no line that can be run", batch);
            await work.FailAsync(batch, plan.Lines, plan.Errors, cancellationToken);
            return null;
        }
        BatchRecord? record = await work.BeginAsync(batch, plan, cancellationToken);
        if (record is { HasEnded: false })
        {
            await work.SendMissingAsync(batch, plan, cancellationToken);
            await work.Markers.NoteQueuedAsync(record, cancellationToken);
            log.LogInformation("Batch {Batch}: {Lines} lines in {Chunks} chunks", batch, plan.Lines, plan.Chunks.Count);
        }
        return record;
    }

    private async Task<BatchPlan> SplitAsync(BatchRecord batch, CancellationToken cancellationToken)
    {
        string name = (await model.WaitForEngineAsync(cancellationToken)).ModelName;
        var file = new OwnedId(batch.Key.Owner, batch.InputFileId);
        if (await files.TryGetAsync(file, cancellationToken, evenExpired: true) is not { } input
            || await files.TryOpenReadAsync(file, 0, null, cancellationToken, evenExpired: true) is not { } stream)
            return Nothing(new BatchError("input_file_missing", $"The batch's input, {batch.InputFileId}, was deleted before it was read."));
        await using (stream)
        {
            var limits = new ChunkLimits(options.BatchChunkSeconds, meter.TokensPerSecond, input.Bytes);
            BatchPlan plan = await new BatchSplitter(new BatchLineParser(batch.Endpoint, name), limits).SplitAsync(stream, cancellationToken);
            return plan.Chunks.Count == 0 ? plan : await work.WritePlanOnceAsync(batch.Key, plan, cancellationToken);
        }
    }

    private static BatchPlan Nothing(BatchError error) => new(0, [], [error]);
}
