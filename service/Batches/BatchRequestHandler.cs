using Gemma2.Backend;
using Gemma2.Service.Api;
using Gemma2.Service.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Batches;

/// <summary>
/// Works on messages of batches: splits and chunks. What ends a message's work without being its fault (storage away, the device lost, the app stopping) puts a
/// new message in its place.
/// </summary>
internal sealed class BatchRequestHandler(BatchWork work, BatchTurns turns, SplitStep split, ChunkStep chunk, BatchCallbacks callbacks, IHostApplicationLifetime lifetime, ErrorReporter errors) : IQueueHandler
{
    /// <summary>So much that is more urgent is done before a message's own work, which then is done in any case: no batch stands still while others come.</summary>
    private const int MostBefore = 3;

    /// <inheritdoc/>
    public JobQueue Queue => work.Messages;

    /// <summary>Two: while the last lines of one chunk run, those of the next fill the places that become free.</summary>
    public int Concurrency => 2;

    /// <inheritdoc/>
    /// <exception cref="JobMessageException">The message is no batch's.</exception>
    public async Task<QueueOutcome> HandleAsync(QueueDelivery delivery, CancellationToken cancellationToken)
    {
        BatchMessage message = BatchMessage.Parse(delivery.Text);
        try
        {
            for (int before = 0; before < MostBefore && await TryDoMoreUrgentAsync(message, cancellationToken); before++)
            {
            }
            QueueOutcome outcome = await StepAsync(message, begun: false, cancellationToken);
            return outcome is QueueOutcome.Replaced ? outcome : await callbacks.NotifyAsync(message, cancellationToken);
        }
        catch (Exception error) when (error is StorageException or DeviceException || (error is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            errors.Report(error);
            int retries = message.Retries + (RetryBackoff.Counts(error) ? 1 : 0);
            return new QueueOutcome.Replaced((message with { Retries = retries }).ToJson(), RetryBackoff.After(error, message.Retries));
        }
    }

    /// <summary>Works on what goes before a message. Whatever becomes of that, it has a message of its own: this one must not suffer from another batch's trouble.</summary>
    private async Task<bool> TryDoMoreUrgentAsync(BatchMessage message, CancellationToken cancellationToken)
    {
        try
        {
            if (await turns.FindMoreUrgentAsync(message, cancellationToken) is not { } first)
                return false;
            if (await StepAsync(first, begun: true, cancellationToken) is not QueueOutcome.Replaced
                && await callbacks.NotifyAsync(first, cancellationToken) is QueueOutcome.Replaced later)
                await Queue.SendAsync(later.Message, later.After, cancellationToken);
            return !lifetime.ApplicationStopping.IsCancellationRequested;
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            errors.Report(error);
            return false;
        }
    }

    private Task<QueueOutcome> StepAsync(BatchMessage message, bool begun, CancellationToken cancellationToken) => message.Chunk is { } piece
        ? chunk.RunAsync(message, piece, cancellationToken)
        : split.RunAsync(message, begun, cancellationToken);
}
