using System.Runtime.CompilerServices;
using Gemma2.Backend;

namespace Gemma2.Storage.Jobs;

/// <summary>
/// Jobs from submission to result. What a job asks for (<c>requests/KEY.json</c>) and its result (<c>completions/KEY.json</c>) are written once;
/// what changes between (<c>jobs/KEY.json</c>) is changed with ETags. A cancellation is a result: whoever writes first has decided.
/// </summary>
/// <param name="connection">The storage account.</param>
public sealed class JobStore(StorageConnection connection)
{
    private readonly JobRequests _requests = new(connection);
    private readonly JobStates _states = new(connection);
    private readonly ResultStore _results = new(connection);
    private readonly JobMarkers _markers = new(connection);
    private readonly JobQueue _queue = new(connection, StorageNames.CompletionRequests);

    /// <summary>
    /// Stores what a job asks for and queues it. The same job again is the same job: it is queued again only if it may not have been. True when it is new.
    /// </summary>
    /// <exception cref="JobConflictException">The id is another request's.</exception>
    /// <exception cref="InvalidRequestException">The id is not allowed, or the request is too long.</exception>
    /// <exception cref="StorageException">Storage failed: submit again, under the same id.</exception>
    public async Task<bool> SubmitAsync(CompletionJob job, CancellationToken cancellationToken)
    {
        OwnedId key = job.Key.Validated();
        WriteOutcome outcome = await _requests.WriteOnceAsync(job, cancellationToken);
        if (outcome == WriteOutcome.AlreadyThere && await WasQueuedAsync(key, cancellationToken)) return false;
        await _markers.CreateAsync(key, cancellationToken);
        // The state last: as long as it is not there the next submission queues the job again, which does no harm.
        await _queue.SendAsync(Message(job), TimeSpan.Zero, cancellationToken);
        await _states.CreateAsync(key, new JobState { Model = job.Model, CreatedAt = connection.UtcNow, CallbackUrl = job.CallbackUrl }, cancellationToken);
        return outcome == WriteOutcome.Written;
    }

    /// <summary>A job as it is now; null when there is none.</summary>
    /// <exception cref="InvalidRequestException">The id is not allowed.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<JobSnapshot?> TryReadAsync(OwnedId key, CancellationToken cancellationToken)
    {
        // The result last: a job that ends meanwhile is seen as ended.
        JobState? state = (await _states.TryReadAsync(key.Validated(), cancellationToken))?.State;
        JobResultBlob? result = await _results.TryReadBlobAsync(key, cancellationToken);
        if (state is null && result is null) return await TryReadRequestAsync(key, cancellationToken);
        return new JobSnapshot
        {
            Key = key,
            Status = result?.Status ?? (state!.OpenAttempts > 0 ? JobStatus.Running : JobStatus.Queued),
            Model = state?.Model ?? result?.Model,
            CreatedAt = state?.CreatedAt ?? result!.WrittenAt,
            StartedAt = state?.StartedAt,
            FinishedAt = result?.WrittenAt,
            Attempts = state?.Attempts ?? 0,
            Result = result?.Json,
        };
    }

    /// <summary>Cancels a job unless it has a result, and gives it as it then is; null when there is none.</summary>
    /// <exception cref="InvalidRequestException">The id is not allowed.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<JobSnapshot?> CancelAsync(OwnedId key, CancellationToken cancellationToken)
    {
        if (await TryReadAsync(key, cancellationToken) is not { } job) return null;
        if (job.HasEnded) return job;
        await _results.WriteOnceAsync(key, JobStatus.Cancelled, CancelledJob.ToJson(job), cancellationToken);
        await _markers.DeleteAsync(key, cancellationToken);
        return await TryReadAsync(key, cancellationToken);
    }

    /// <summary>Takes a failed or cancelled result away and queues the job anew.</summary>
    /// <exception cref="InvalidRequestException">There is no such job, it succeeded, it still is queued or running, or its request is no longer stored.</exception>
    /// <exception cref="StorageException">Storage failed: do it again.</exception>
    public async Task RequeueAsync(OwnedId key, CancellationToken cancellationToken)
    {
        JobSnapshot job = await TryReadAsync(key, cancellationToken) ?? throw new InvalidRequestException("id", $"There is no job '{key}'.");
        if (job.Status is not (JobStatus.Failed or JobStatus.Cancelled))
            throw new InvalidRequestException("id", $"The job '{key}' is {JobStatusNames.Of(job.Status)}; only one that failed or was cancelled can be queued anew.");
        if (await _requests.TryReadAsync(key, cancellationToken) is null)
            throw new InvalidRequestException("id", $"What the job '{key}' asks for is no longer stored; submit it again.");
        if (await _results.TryReadBlobAsync(key, cancellationToken) is not { } result) return;
        // The message decides: it names the result that it is to replace, so that it is right whether that is taken away here or by who receives it.
        await _queue.SendAsync(new JobMessage(key, null) { Supersedes = result.Version }.ToJson(), TimeSpan.Zero, cancellationToken);
        await _markers.CreateAsync(key, cancellationToken);
        await new JobWork(connection).TakeAwayAsync(key, result.Version, cancellationToken);
    }

    /// <summary>How many of an owner's jobs have not ended.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task<long> CountActiveAsync(string? owner, CancellationToken cancellationToken) => ActiveJobs.CountAsync(connection, owner, cancellationToken);

    /// <summary>Every job of every owner that has failed, for the operator.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async IAsyncEnumerable<JobSnapshot> ListFailedAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? page = null;
        do
        {
            (IReadOnlyList<OwnedId> keys, page) = await _results.ListAsync(JobStatus.Failed, page, cancellationToken);
            foreach (OwnedId key in keys)
                if (await TryReadAsync(key, cancellationToken) is { Status: JobStatus.Failed } job) yield return job;
        }
        while (page is not null);
    }

    /// <summary>The message of a new job: inline where it is short enough, which saves who works on it a call.</summary>
    private static byte[] Message(CompletionJob job) =>
        new JobMessage(job.Key, job).ToJson() is { Length: <= JobMessage.MaxMessageBytes } json ? json : new JobMessage(job.Key, null).ToJson();

    private async Task<bool> WasQueuedAsync(OwnedId key, CancellationToken cancellationToken) =>
        await _states.TryReadAsync(key, cancellationToken) is not null || await _results.ExistsAsync(key, cancellationToken);

    /// <summary>A job that is being submitted at this moment, or whose submission broke off.</summary>
    private async Task<JobSnapshot?> TryReadRequestAsync(OwnedId key, CancellationToken cancellationToken) =>
        await _requests.TryReadAsync(key, cancellationToken) is var (job, storedAt)
            ? new JobSnapshot { Key = key, Status = JobStatus.Queued, Model = job.Model, CreatedAt = storedAt }
            : null;
}
