using Gemma2.Service.Api;
using Gemma2.Service.Queue;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Jobs;

/// <summary>Works on the poison queue of jobs: one that no worker died with is queued anew, any other gets a failed result.</summary>
internal sealed class CompletionPoisonHandler(JobWork work, JobRunner runner, RejectedJobs rejected, DeadLetters deadLetters) : PoisonHandler(work.Messages.Poison, deadLetters)
{
    /// <inheritdoc/>
    protected override async Task SettleAsync(string text, CancellationToken cancellationToken)
    {
        JobMessage message = await rejected.ParseAsync(text, cancellationToken);
        if (!await work.HasResultAsync(message, cancellationToken) && await ReasonToGiveUpAsync(message, cancellationToken) is { } reason)
            await runner.FailAsync(message, reason, cancellationToken);
        // With a result it only has its callback before it; without one it has tries left, which deliveries that reached no worker have used up.
        await work.Messages.SendAsync(await work.RetryAsync(message, counts: true, cancellationToken), RetryBackoff.After(message.Retries), cancellationToken);
    }

    private async Task<ApiError?> ReasonToGiveUpAsync(JobMessage message, CancellationToken cancellationToken)
    {
        if (message.Retries >= RetryBackoff.MaxRetries)
            return JobErrors.NotDelivered(message.Retries);
        JobState? state = await work.TryReadStateAsync(message.Key, cancellationToken);
        return state?.OpenAttempts >= work.Messages.MaxDequeueCount ? JobErrors.WorkersDied(state.OpenAttempts) : null;
    }
}
