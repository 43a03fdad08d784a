using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Queue;

/// <summary>
/// Works on a poison queue, so that nothing that was sent ends there unseen: what is work for somebody is queued anew or ends with a result that says why,
/// anything else becomes a dead letter. Poison queues have no poison queue: where storage is away the message stays and is tried until it is done with.
/// </summary>
/// <param name="queue">The poison queue.</param>
/// <param name="deadLetters">Where messages go that are no work.</param>
internal abstract class PoisonHandler(JobQueue queue, DeadLetters deadLetters) : IQueueHandler
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
            await deadLetters.KeepAsync(queue, delivery, error, cancellationToken);
        }
        return QueueOutcome.Done;
    }

    /// <summary>Queues the message's work anew, or ends it with a result that says why.</summary>
    /// <exception cref="Backend.Gemma2Exception">The message is no work for anybody, and why.</exception>
    protected abstract Task SettleAsync(string text, CancellationToken cancellationToken);
}
