using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Queue;

/// <summary>Keeps messages that are no work for anybody, each under the name that its sender knows, with the first reason found.</summary>
internal sealed class DeadLetters(DeadLetterStore store, ILogger<DeadLetters> log)
{
    /// <summary>Keeps a message and tells of it in the log.</summary>
    /// <exception cref="Storage.StorageException">Storage failed: the message must stay where it is.</exception>
    public async Task KeepAsync(JobQueue queue, QueueDelivery delivery, Exception error, CancellationToken cancellationToken)
    {
        string blob = await store.WriteAsync(queue.SourceName, delivery.MessageId, delivery.Text, error.Message, cancellationToken);
        log.LogError("Message {Message} of queue {Queue} is now the dead letter {Blob}: {Reason}", delivery.MessageId, queue.SourceName, blob, error.Message);
    }
}
