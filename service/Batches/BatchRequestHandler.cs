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
internal sealed class BatchRequestHandler(BatchWork work, SplitStep split, ChunkStep chunk, ErrorReporter errors) : IQueueHandler
{
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
            return message.Chunk is { } piece
                ? await chunk.RunAsync(message, piece, cancellationToken)
                : await split.RunAsync(message, cancellationToken);
        }
        catch (Exception error) when (error is StorageException or DeviceException || (error is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            errors.Report(error);
            return new QueueOutcome.Replaced((message with { Retries = message.Retries + 1 }).ToJson(), RetryBackoff.After(message.Retries));
        }
    }
}
