using Azure.Storage.Queues;
using Azure.Storage.Queues.Models;

namespace Gemma2.Storage.Jobs;

/// <summary>
/// A queue with the Functions host's rules, with or without such a host: messages are base64 (text is read as well), one that failed
/// <see cref="MaxDequeueCount"/> times goes to the queue's poison queue. A poison queue has none itself: its messages are tried until they are
/// done with. Delivery is at least once.
/// </summary>
/// <param name="connection">The storage account.</param>
/// <param name="name">The queue's name; its poison queue has "-poison" appended.</param>
/// <param name="maxDequeueCount">How often a message is tried.</param>
public sealed class JobQueue(StorageConnection connection, string name, int maxDequeueCount = JobQueue.DefaultMaxDequeueCount)
{
    /// <summary>The Functions host's default.</summary>
    public const int DefaultMaxDequeueCount = 5;

    // A job waits as long as it must: the service's default would drop it after seven days.
    private static readonly TimeSpan Forever = TimeSpan.FromSeconds(-1);

    private readonly QueueClient _queue = connection.Queues.GetQueueClient(name);
    private readonly QueueClient _poison = connection.Queues.GetQueueClient(name + StorageNames.PoisonSuffix);

    /// <summary>The queue's name.</summary>
    public string Name => name;

    /// <summary>True for a queue of messages that failed too often in another one.</summary>
    public bool IsPoison { get; } = name.EndsWith(StorageNames.PoisonSuffix, StringComparison.Ordinal);

    /// <summary>The queue's name; of a poison queue the name of the queue that its messages were sent to.</summary>
    public string SourceName => IsPoison ? name[..^StorageNames.PoisonSuffix.Length] : name;

    /// <summary>The queue of the messages that failed too often in this one.</summary>
    public JobQueue Poison => new(connection, SourceName + StorageNames.PoisonSuffix, maxDequeueCount);

    /// <summary>How often a message is tried before it goes to the poison queue.</summary>
    public int MaxDequeueCount => maxDequeueCount;

    /// <summary>Adds a message. When a reply of the service is lost it may be added twice.</summary>
    /// <param name="utf8">The message's text.</param>
    /// <param name="delay">When it may be delivered, from now; up to 7 days.</param>
    /// <param name="cancellationToken">Ends the call; the message may have been added.</param>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task SendAsync(ReadOnlyMemory<byte> utf8, TimeSpan delay, CancellationToken cancellationToken) =>
        SendRawAsync(_queue, Convert.ToBase64String(utf8.Span), delay, cancellationToken);

    /// <summary>
    /// Takes messages: nobody else gets them until the lease ends. Messages that were taken too often already (by workers that died with them)
    /// are moved to the poison queue and not returned, as the Functions host does.
    /// </summary>
    /// <param name="maxMessages">1 to 32.</param>
    /// <param name="lease">How long the messages are this worker's unless renewed, 1 s to 7 days.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<IReadOnlyList<QueueLease>> ReceiveAsync(int maxMessages, TimeSpan lease, CancellationToken cancellationToken)
    {
        QueueMessage[] messages = await connection.QueuePipeline.RunAsync(
            $"Receiving from queue {name}", async token => (await _queue.ReceiveMessagesAsync(maxMessages, lease, token)).Value, cancellationToken);
        var leases = new List<QueueLease>(messages.Length);
        StorageException? failure = null;
        foreach (QueueMessage message in messages)
        {
            var taken = new QueueLease(this, message);
            if (MayGiveUp(message.DequeueCount - 1)) failure = await TryGiveUpAsync(taken, cancellationToken) ?? failure;
            else leases.Add(taken);
        }
        // Messages that came along with one that cannot be moved just now are worked on: they would lose a try each time.
        return leases.Count > 0 || failure is null ? leases : throw failure;
    }

    /// <summary>
    /// Takes a message over from who took it first (the Functions host), with a lease and receipts of one's own: what the other one does to it from then on
    /// is without effect. Null when it is nobody's to take any more, or was taken too often already.
    /// </summary>
    /// <param name="message">The message as it was taken.</param>
    /// <param name="lease">How long it is this worker's unless renewed, 1 s to 7 days.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<QueueLease?> AdoptAsync(QueueMessage message, TimeSpan lease, CancellationToken cancellationToken)
    {
        var taken = new QueueLease(this, message);
        if (MayGiveUp(message.DequeueCount - 1))
        {
            await taken.FailAsync(TimeSpan.Zero, cancellationToken);
            return null;
        }
        return await taken.RenewAsync(lease, cancellationToken) ? taken : null;
    }

    /// <summary>About how many messages there are, those included that nobody can take now.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<int> CountAsync(CancellationToken cancellationToken) => await connection.QueuePipeline.RunAsync(
        $"Looking at queue {name}", async token => (await _queue.GetPropertiesAsync(token)).Value.ApproximateMessagesCount, cancellationToken);

    /// <summary>Whether a message could be taken now.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<bool> HasVisibleAsync(CancellationToken cancellationToken) => await connection.QueuePipeline.RunAsync(
        $"Peeking into queue {name}", async token => (await _queue.PeekMessageAsync(token)).Value is not null, cancellationToken);

    /// <summary>When the oldest of the messages that could be taken now was added, of the first 32 in line; null where there is none.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<DateTimeOffset?> FindOldestVisibleAsync(CancellationToken cancellationToken)
    {
        PeekedMessage[] messages = await connection.QueuePipeline.RunAsync(
            $"Peeking into queue {name}", async token => (await _queue.PeekMessagesAsync(_queue.MaxPeekableMessages, token)).Value, cancellationToken);
        return messages.Min(message => message.InsertedOn);
    }

    /// <summary>True when a message that failed in its delivery number <paramref name="dequeueCount"/> belongs in the poison queue.</summary>
    internal bool MayGiveUp(long dequeueCount) => !IsPoison && dequeueCount >= maxDequeueCount;

    private static async Task<StorageException?> TryGiveUpAsync(QueueLease taken, CancellationToken cancellationToken)
    {
        try
        {
            await taken.FailAsync(TimeSpan.Zero, cancellationToken);
            return null;
        }
        catch (StorageException failure)
        {
            // It stays where it is, and comes again.
            return failure;
        }
    }

    /// <summary>Makes a message invisible for a time from now. Gives its new receipt; null when the message is no longer this worker's.</summary>
    internal async Task<string?> UpdateAsync(string messageId, string receipt, TimeSpan invisible, CancellationToken cancellationToken)
    {
        try
        {
            UpdateReceipt updated = await connection.QueuePipeline.RunAsync(
                $"Renewing a message of queue {name}",
                async token => (await _queue.UpdateMessageAsync(messageId, receipt, (string?)null, invisible, token)).Value,
                cancellationToken);
            return updated.PopReceipt;
        }
        catch (StorageException e) when (IsLost(e))
        {
            return null;
        }
    }

    /// <summary>Deletes a message; false when it is no longer this worker's.</summary>
    internal async Task<bool> DeleteAsync(string messageId, string receipt, CancellationToken cancellationToken)
    {
        try
        {
            await connection.QueuePipeline.RunAsync(
                $"Deleting a message of queue {name}", token => _queue.DeleteMessageAsync(messageId, receipt, token), cancellationToken);
            return true;
        }
        catch (StorageException e) when (IsLost(e))
        {
            return false;
        }
    }

    internal async Task SendToPoisonAsync(string body, CancellationToken cancellationToken)
    {
        try
        {
            await SendRawAsync(_poison, body, TimeSpan.Zero, cancellationToken);
        }
        catch (StorageException e) when (e.IsMissing)
        {
            await StorageProvisioning.EnsureQueueAsync(connection, _poison.Name, cancellationToken);
            await SendRawAsync(_poison, body, TimeSpan.Zero, cancellationToken);
        }
    }

    private async Task SendRawAsync(QueueClient queue, string body, TimeSpan delay, CancellationToken cancellationToken) =>
        await connection.QueuePipeline.RunAsync(
            $"Sending to queue {queue.Name}", token => queue.SendMessageAsync(body, delay, Forever, token), cancellationToken);

    private static bool IsLost(StorageException e) => e.Code is "MessageNotFound" or "PopReceiptMismatch";
}
