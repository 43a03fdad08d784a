namespace Gemma2.Storage.Jobs;

/// <summary>How far a job is.</summary>
public enum JobStatus
{
    /// <summary>No worker has taken it yet.</summary>
    Queued,

    /// <summary>A worker has it, or had it and died.</summary>
    Running,

    /// <summary>It has an answer.</summary>
    Succeeded,

    /// <summary>It has an error.</summary>
    Failed,

    /// <summary>It was cancelled before it had a result.</summary>
    Cancelled,
}

/// <summary>A job as it is now.</summary>
public sealed record JobSnapshot
{
    /// <summary>Whose it is and its id.</summary>
    public required OwnedId Key { get; init; }

    /// <summary>How far it is.</summary>
    public required JobStatus Status { get; init; }

    /// <summary>The model that it asks for, where known.</summary>
    public string? Model { get; init; }

    /// <summary>When it was submitted, by storage's clock.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When a worker last began it.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When it got its result.</summary>
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>How often a worker began it.</summary>
    public int Attempts { get; init; }

    /// <summary>The blob <c>completions/KEY.json</c>, once it is there.</summary>
    public ReadOnlyMemory<byte>? Result { get; init; }
}

/// <summary>
/// Jobs from submission to result. What a job asks for (<c>requests/KEY.json</c>) and its result (<c>completions/KEY.json</c>) are written once;
/// what changes between (<c>jobs/KEY.json</c>) is changed with ETags. A cancellation is a result: whoever writes first has decided.
/// </summary>
/// <param name="connection">The storage account.</param>
public sealed class JobStore(StorageConnection connection)
{
    /// <summary>
    /// Stores what a job asks for and queues it. The same job again is the same job: it is queued again only if it may not have been. True when it is new.
    /// </summary>
    /// <exception cref="JobConflictException">The id is another request's.</exception>
    /// <exception cref="Backend.InvalidRequestException">The id is not allowed, or the request is too long.</exception>
    /// <exception cref="StorageException">Storage failed: submit again, under the same id.</exception>
    public Task<bool> SubmitAsync(CompletionJob job, CancellationToken cancellationToken) => throw new NotImplementedException($"{connection}");

    /// <summary>A job as it is now; null when there is none.</summary>
    public Task<JobSnapshot?> TryReadAsync(OwnedId key, CancellationToken cancellationToken) => throw new NotImplementedException($"{connection}");

    /// <summary>Cancels a job unless it has a result, and gives it as it then is; null when there is none.</summary>
    public Task<JobSnapshot?> CancelAsync(OwnedId key, CancellationToken cancellationToken) => throw new NotImplementedException($"{connection}");

    /// <summary>Takes a failed or cancelled result away and queues the job anew.</summary>
    /// <exception cref="Backend.InvalidRequestException">There is no such job, it succeeded, or it still is queued or running.</exception>
    public Task RequeueAsync(OwnedId key, CancellationToken cancellationToken) => throw new NotImplementedException($"{connection}");

    /// <summary>Every job of every owner that has failed, for the operator.</summary>
    public IAsyncEnumerable<JobSnapshot> ListFailedAsync(CancellationToken cancellationToken) => throw new NotImplementedException($"{connection}");
}
