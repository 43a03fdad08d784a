using System.Text.Json;
using Gemma2.Service.Api;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Jobs;

/// <summary>
/// Reads messages of jobs. A message that is not a job, but says whose it was to be, ends that job with a result: who waits for it is not left waiting. A job that
/// is known by other means keeps its chance, whatever a message says that bears its id.
/// </summary>
internal sealed class RejectedJobs(JobStore jobs, JobWork work, JobRunner runner, ILogger<RejectedJobs> log)
{
    /// <summary>Reads a message's text.</summary>
    /// <exception cref="JobMessageException">It is not a job; where it says whose, that one has its failed result.</exception>
    /// <exception cref="Storage.StorageException">Storage failed: the message must come again.</exception>
    public async Task<JobMessage> ParseAsync(string text, CancellationToken cancellationToken)
    {
        try
        {
            return JobMessage.Parse(text);
        }
        catch (JobMessageException error) when (error.Job is not null)
        {
            await EndAsync(error.Job, error, cancellationToken);
            throw;
        }
    }

    private async Task EndAsync(RejectedJob job, JobMessageException error, CancellationToken cancellationToken)
    {
        JobSnapshot? known = await jobs.TryReadAsync(job.Key, cancellationToken);
        if (known is null)
            await runner.FailAsync(new JobMessage(job.Key, null), ApiError.BadRequest(error.Message), cancellationToken);
        else if (!IsEndedBy(known, error))
            log.LogWarning("Job {Job}: a message that is not a job bears its id: {Reason}", job.Key, error.Message);
        // Also by a delivery that comes again because the one before broke off here.
        if (job.CallbackUrl is { } url && (known is null || IsEndedBy(known, error)))
            await work.SendCallbackAsync(job.Key, url, cancellationToken);
    }

    private static bool IsEndedBy(JobSnapshot job, JobMessageException error) =>
        job.Result is { } result && JsonElement.Parse(result.Span).TryGetProperty("error", out JsonElement told) && told.GetProperty("message").GetString() == error.Message;
}
