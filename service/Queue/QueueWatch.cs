using Gemma2.Storage;

namespace Gemma2.Service.Queue;

/// <summary>
/// Every minute says of each queue how long its oldest message has waited, where that is more than a minute. Nothing else tells: the storage account has no
/// such metric, and its log names no message. An alert reads the line.
/// </summary>
internal sealed class QueueWatch(IEnumerable<IQueueHandler> handlers, ILogger<QueueWatch> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    /// <summary>Looks into each queue once.</summary>
    /// <param name="now">The time.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    internal async Task LookAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        foreach (IQueueHandler handler in handlers)
        {
            try
            {
                if (await handler.Queue.FindOldestVisibleAsync(cancellationToken) is { } since && now - since > Interval)
                    log.LogWarning("Queue {Queue}: the oldest message has waited {Seconds} s", handler.Queue.Name, (long)(now - since).TotalSeconds);
            }
            catch (StorageException error)
            {
                // In a queue that does not exist nothing waits.
                if (!error.IsMissing)
                    log.LogWarning("Queue {Queue}: how long messages have waited is not known: {Reason}", handler.Queue.Name, error.Message);
            }
        }
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            await LookAsync(DateTimeOffset.UtcNow, stoppingToken);
    }
}
