using Gemma2.Service.Queue;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Batches;

/// <summary>
/// Works on messages of batches that failed too often. Their work is not lost: it is queued anew, and what cannot be done in the end is bounded by the claims of
/// its chunk and by the count of new messages.
/// </summary>
internal sealed class BatchPoisonHandler(BatchWork work, DeadLetters deadLetters) : PoisonHandler(work.Messages.Poison, deadLetters)
{
    // After RetryBackoff.MaxRetries a message's work is ended with a reason. If even that fails as often, nothing more can be done for it.
    private const int MaxRetries = 2 * RetryBackoff.MaxRetries;

    /// <inheritdoc/>
    protected override async Task SettleAsync(string text, CancellationToken cancellationToken)
    {
        BatchMessage message = BatchMessage.Parse(text);
        if (message.Retries > MaxRetries)
            throw new JobMessageException($"Batch {message.Batch}: its message was tried {message.Retries} times.");
        await work.Messages.SendAsync((message with { Retries = message.Retries + 1 }).ToJson(), RetryBackoff.After(message.Retries), cancellationToken);
    }
}
