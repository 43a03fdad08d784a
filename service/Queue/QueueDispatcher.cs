namespace Gemma2.Service.Queue;

/// <summary>Hands deliveries to their handlers and does what they decide, for both who deliver: the Functions host and the app's own pollers.</summary>
internal sealed class QueueDispatcher(ILogger<QueueDispatcher> log)
{
    /// <summary>Handles one delivery. When it returns the message may be deleted; what it throws uses up one of the message's tries.</summary>
    public async Task DispatchAsync(IQueueHandler handler, QueueDelivery delivery, CancellationToken cancellationToken)
    {
        if (await handler.HandleAsync(delivery, cancellationToken) is not QueueOutcome.Replaced replaced)
            return;
        // The new message first: a worker that dies in between leaves two, of which the second finds all done.
        await handler.Queue.SendAsync(replaced.Message, replaced.After, cancellationToken);
        log.LogInformation("Message {Message} of queue {Queue} goes on in a new one in {Seconds:0.0} s", delivery.MessageId, handler.Queue.Name, replaced.After.TotalSeconds);
    }
}
