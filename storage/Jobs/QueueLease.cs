using Azure.Storage.Queues.Models;

namespace Gemma2.Storage.Jobs;

/// <summary>What became of a message whose job failed.</summary>
public enum FailOutcome
{
    /// <summary>It will be delivered again.</summary>
    Released,

    /// <summary>It was tried often enough and is in the poison queue.</summary>
    Poisoned,

    /// <summary>The lease had ended: the message is another worker's.</summary>
    LeaseLost,
}

/// <summary>A message that is this worker's for a time. End it with <see cref="CompleteAsync"/> or <see cref="FailAsync"/>; all members may be called from any thread.</summary>
public sealed class QueueLease
{
    private readonly JobQueue _queue;
    private readonly string _body;

    // Each renewal changes the receipt that the next call must show, so that calls go one after the other.
    private readonly SemaphoreSlim _oneCall = new(1);

    internal QueueLease(JobQueue queue, QueueMessage message)
    {
        _queue = queue;
        _body = message.Body.ToString();
        Receipt = message.PopReceipt;
        MessageId = message.MessageId;
        DequeueCount = message.DequeueCount;
        InsertedOn = message.InsertedOn;
    }

    /// <summary>The service's name for the message.</summary>
    public string MessageId { get; }

    /// <summary>Which delivery this is, from 1.</summary>
    public long DequeueCount { get; }

    /// <summary>When it was sent; null where the service does not say.</summary>
    public DateTimeOffset? InsertedOn { get; }

    /// <summary>What the service wants shown to renew or delete the message; each renewal gives another.</summary>
    internal string Receipt { get; private set; }

    /// <summary>The message's text, see <see cref="QueueText"/>.</summary>
    public string ReadText() => QueueText.Read(_body);

    /// <summary>Keeps the message for a time from now; false when the lease had ended and the message is another worker's.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task<bool> RenewAsync(TimeSpan lease, CancellationToken cancellationToken) => OneCallAsync(() => UpdateAsync(lease, cancellationToken), cancellationToken);

    /// <summary>The job is done: deletes the message. False when the lease had ended: the message will be, or was, delivered again.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task<bool> CompleteAsync(CancellationToken cancellationToken) =>
        OneCallAsync(() => _queue.DeleteAsync(MessageId, Receipt, cancellationToken), cancellationToken);

    /// <summary>The job failed: the message is delivered again after a wait or, after its last try, copied to the poison queue and deleted.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task<FailOutcome> FailAsync(TimeSpan retryAfter, CancellationToken cancellationToken) => OneCallAsync(
        async () =>
        {
            if (!_queue.MayGiveUp(DequeueCount))
                return await UpdateAsync(retryAfter, cancellationToken) ? FailOutcome.Released : FailOutcome.LeaseLost;
            return await PoisonAsync(cancellationToken);
        },
        cancellationToken);

    /// <summary>Trying the message again cannot help: it is copied to the poison queue at once and deleted.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task<FailOutcome> GiveUpAsync(CancellationToken cancellationToken) => OneCallAsync(() => PoisonAsync(cancellationToken), cancellationToken);

    private async Task<FailOutcome> PoisonAsync(CancellationToken cancellationToken)
    {
        await _queue.SendToPoisonAsync(_body, cancellationToken);
        return await _queue.DeleteAsync(MessageId, Receipt, cancellationToken) ? FailOutcome.Poisoned : FailOutcome.LeaseLost;
    }

    private async Task<bool> UpdateAsync(TimeSpan invisible, CancellationToken cancellationToken)
    {
        if (await _queue.UpdateAsync(MessageId, Receipt, invisible, cancellationToken) is not { } receipt) return false;
        Receipt = receipt;
        return true;
    }

    private async Task<T> OneCallAsync<T>(Func<Task<T>> call, CancellationToken cancellationToken)
    {
        await _oneCall.WaitAsync(cancellationToken);
        try
        {
            return await call();
        }
        finally
        {
            _oneCall.Release();
        }
    }
}
