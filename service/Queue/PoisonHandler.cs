using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Queue;

/// <summary>
/// Works on a poison queue, so that nothing that was sent ends there unseen: what is work for somebody is queued anew or ends with a result that says why,
/// anything else becomes a dead letter. Poison queues have no poison queue: where storage is away the message stays and is tried until it is done with.
/// </summary>
/// <param name="queue">The poison queue.</param>
/// <param name="deadLetters">Where messages go that are no work.</param>
/// <param name="log">Where they are told of.</param>
internal abstract class PoisonHandler(JobQueue queue, DeadLetterStore deadLetters, ILogger log) : IQueueHandler
{
    /// <inheritdoc/>
    public JobQueue Queue => queue;

    /// <inheritdoc/>
    public int Concurrency => 1;

    /// <inheritdoc/>
    public async Task<QueueOutcome> HandleAsync(QueueDelivery delivery, CancellationToken cancellationToken)
    {
        try
        {
            await SettleAsync(delivery.Text, cancellationToken);
        }
        catch (Exception error) when (!RetryBackoff.IsInfrastructure(error))
        {
            string blob = await deadLetters.WriteAsync(queue.SourceName, delivery.MessageId, delivery.Text, error.Message, cancellationToken);
            log.LogError("Message {Message} of queue {Queue} is now the dead letter {Blob}: {Reason}", delivery.MessageId, queue.SourceName, blob, error.Message);
        }
        return QueueOutcome.Done;
    }

    /// <summary>Queues the message's work anew, or ends it with a result that says why.</summary>
    /// <exception cref="Backend.Gemma2Exception">The message is no work for anybody, and why.</exception>
    protected abstract Task SettleAsync(string text, CancellationToken cancellationToken);
}
