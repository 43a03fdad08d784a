using Gemma2.Service.Api;
using Gemma2.Service.Options;
using Gemma2.Service.Queue;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Jobs;

/// <summary>
/// Works on one job: sees to it that it has a result, and that who waits for it is told. A request that can never succeed is done at once: its result says
/// why it failed. What is no fault of the job goes on later in a new message.
/// </summary>
internal sealed class CompletionJobHandler(
    JobWork work, JobRunner runner, RejectedJobs rejected, JobCallbacks callbacks, ErrorReporter errors, Gemma2Options options) : IQueueHandler
{
    /// <inheritdoc/>
    public JobQueue Queue => work.Messages;

    /// <inheritdoc/>
    public int Concurrency => options.JobsAtOnce;

    /// <inheritdoc/>
    /// <exception cref="JobMessageException">The message is no job: it becomes a dead letter.</exception>
    public async Task<QueueOutcome> HandleAsync(QueueDelivery delivery, CancellationToken cancellationToken)
    {
        JobMessage message = await rejected.ParseAsync(delivery.Text, cancellationToken);
        try
        {
            if (!await work.HasResultAsync(message, cancellationToken))
                await runner.RunAsync(message, delivery, cancellationToken);
            return await callbacks.NotifyAsync(message, cancellationToken);
        }
        // A cancelled delivery is not this worker's any more, or the poller gives it back.
        catch (Exception error) when (RetryBackoff.IsInfrastructure(error) && !cancellationToken.IsCancellationRequested)
        {
            errors.Report(error);
            if (!RetryBackoff.Counts(error) || message.Retries < RetryBackoff.MaxRetries)
                return new QueueOutcome.Replaced(await work.RetryAsync(message, RetryBackoff.Counts(error), cancellationToken), RetryBackoff.After(error, message.Retries));
            await runner.FailAsync(message, JobErrors.TriedTooOften(message.Retries, error), cancellationToken);
            return await callbacks.NotifyAsync(message, cancellationToken);
        }
    }
}
