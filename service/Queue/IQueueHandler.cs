using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Queue;

/// <summary>Works on the messages of one queue, whoever delivers them: the Functions host, or the app's own poller.</summary>
internal interface IQueueHandler
{
    /// <summary>The queue.</summary>
    JobQueue Queue { get; }

    /// <summary>How many of its messages one process takes at once when it polls itself.</summary>
    int Concurrency { get; }

    /// <summary>Handles one delivery. What it throws uses up one of the message's tries.</summary>
    /// <param name="delivery">The message. It may be delivered again, also at the same time.</param>
    /// <param name="cancellationToken">Give up at once: the time to stop is over, or the message has become another worker's.</param>
    Task<QueueOutcome> HandleAsync(QueueDelivery delivery, CancellationToken cancellationToken);
}
