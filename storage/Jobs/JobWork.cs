namespace Gemma2.Storage.Jobs;

/// <summary>One worker's begin of a job.</summary>
/// <param name="Key">The job.</param>
/// <param name="Id">Names the attempt.</param>
/// <param name="State">The job's state as it was then, the attempt included.</param>
public sealed record JobAttempt(OwnedId Key, string Id, JobState State);

/// <summary>What workers do to a job on its way from its message to its result. Every step may be done twice, and by two at once.</summary>
/// <param name="connection">The storage account.</param>
/// <param name="maxDequeueCount">How often a message is tried.</param>
public sealed class JobWork(StorageConnection connection, int maxDequeueCount = JobQueue.DefaultMaxDequeueCount)
{
    private readonly JobRequests _requests = new(connection);
    private readonly JobStates _states = new(connection);
    private readonly JobMarkers _markers = new(connection);

    /// <summary>The messages.</summary>
    public JobQueue Messages { get; } = new(connection, StorageNames.CompletionRequests, maxDequeueCount);

    /// <summary>The results.</summary>
    public ResultStore Results { get; } = new(connection);

    /// <summary>The time, by storage's clock.</summary>
    public DateTimeOffset UtcNow => connection.UtcNow;

    /// <summary>True when a message's job has its result; one that the message is to replace is taken away.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<bool> HasResultAsync(JobMessage message, CancellationToken cancellationToken)
    {
        if (message.Supersedes is not null) await TakeAwayAsync(message.Key, message.Supersedes, cancellationToken);
        return await Results.ExistsAsync(message.Key, cancellationToken);
    }

    /// <summary>Says that a worker works on a job, for those who look for lost ones; false where the job has no marker, or has ended.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task<bool> TryNoteWorkAsync(OwnedId key, CancellationToken cancellationToken) => _markers.TryTouchAsync(key, null, cancellationToken);

    /// <summary>Notes that a job has its result: nobody needs to look after it any more.</summary>
    /// <exception cref="StorageException">Storage failed: the sweep does it.</exception>
    public Task NoteEndAsync(OwnedId key, CancellationToken cancellationToken) => _markers.DeleteAsync(key, cancellationToken);

    /// <summary>The job of a message, from its request blob where the message names one.</summary>
    /// <exception cref="JobMessageException">The blob does not exist, or is not that job's request.</exception>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<CompletionJob> ReadJobAsync(JobMessage message, CancellationToken cancellationToken) =>
        message.Job ?? (await _requests.TryReadAsync(message.Key, cancellationToken))?.Job
            ?? throw new JobMessageException($"What job {message.Key} asks for is not stored: there is no blob {StorageNames.Requests}/{message.Key.Path}.json.");

    /// <summary>Keeps the request of a job that came in a message alone, so that it can be queued anew. One that is stored stays as it is.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task KeepRequestAsync(CompletionJob job, CancellationToken cancellationToken)
    {
        try
        {
            await _requests.WriteOnceAsync(job, cancellationToken);
        }
        catch (JobConflictException)
        {
            // Who sends messages past the store may use an id twice: the first request stays, as the first result does.
        }
    }

    /// <summary>The message that goes on in a message's place, as JSON.</summary>
    /// <param name="message">The message.</param>
    /// <param name="counts">Whether it is one of the times after which the job is given up.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<byte[]> RetryAsync(JobMessage message, bool counts, CancellationToken cancellationToken)
    {
        JobMessage next = counts ? message with { Retries = message.Retries + 1 } : message;
        if (next.ToJson() is { Length: <= JobMessage.MaxMessageBytes } json) return json;
        // As long as a message can be, and now a field longer.
        await KeepRequestAsync(message.Job!, cancellationToken);
        return (next with { Job = null }).ToJson();
    }

    /// <summary>A job's state; null when no worker has begun it and it did not come through <see cref="JobStore"/>.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<JobState?> TryReadStateAsync(OwnedId key, CancellationToken cancellationToken) => (await _states.TryReadAsync(key, cancellationToken))?.State;

    /// <summary>Notes that a worker begins a job.</summary>
    /// <param name="job">The job.</param>
    /// <param name="sentAt">When its message was sent, where that is known: the job's age, where it has no state yet.</param>
    /// <param name="cancellationToken">Ends the call; the attempt may have been noted.</param>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<JobAttempt> BeginAsync(CompletionJob job, DateTimeOffset? sentAt, CancellationToken cancellationToken)
    {
        string attempt = Guid.NewGuid().ToString("N");
        DateTimeOffset now = UtcNow;
        JobState state = await _states.UpdateAsync(
            job.Key,
            new JobState { Model = job.Model, CreatedAt = sentAt ?? now, CallbackUrl = job.CallbackUrl },
            state => state.LastAttempt == attempt ? state : state with { Attempts = state.Attempts + 1, StartedAt = now, LastAttempt = attempt },
            cancellationToken);
        return new JobAttempt(job.Key, attempt, state);
    }

    /// <summary>Notes that a worker gave a job up for a reason that was not the job's.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task GiveBackAsync(JobAttempt attempt, CancellationToken cancellationToken) => _states.UpdateAsync(
        attempt.Key,
        attempt.State,
        state => state.LastGivenBack == attempt.Id || state.OpenAttempts == 0
            ? state
            : state with { GivenBack = state.GivenBack + 1, LastGivenBack = attempt.Id },
        cancellationToken);

    /// <summary>Has a job's end posted by a message of its own, for one that has ended without a state.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task SendCallbackAsync(OwnedId key, Uri url, CancellationToken cancellationToken)
    {
        await _states.CreateAsync(key, new JobState { CreatedAt = UtcNow, CallbackUrl = url }, cancellationToken);
        await Messages.SendAsync(new JobMessage(key, null).ToJson(), TimeSpan.Zero, cancellationToken);
    }

    /// <summary>Notes a try to post an ended job to its callback address.</summary>
    /// <param name="key">The job.</param>
    /// <param name="state">Its state as it was before the try.</param>
    /// <param name="outcome">Why no other try will follow; null where one will.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="StorageException">Storage failed.</exception>
    public Task<JobState> NoteCallbackAsync(OwnedId key, JobState state, string? outcome, CancellationToken cancellationToken)
    {
        int tries = state.CallbackTries + 1;
        return _states.UpdateAsync(
            key,
            state,
            current => current.CallbackOutcome is not null || (outcome is null && current.CallbackTries >= tries)
                ? current
                : current with { CallbackTries = Math.Max(current.CallbackTries, tries), CallbackOutcome = outcome },
            cancellationToken);
    }

    /// <summary>Takes a result away, if it still is that version, so that its job can be run anew.</summary>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task TakeAwayAsync(OwnedId key, string version, CancellationToken cancellationToken)
    {
        var before = await _states.TryReadAsync(key, cancellationToken);
        if ((await Results.TryReadBlobAsync(key, cancellationToken))?.Version != version) return;
        // A state that has changed since it was read was set back by another who takes the same result away.
        if (before is var (state, stateVersion)) await _states.TryReplaceAsync(key, Anew(state), stateVersion, cancellationToken);
        await Results.DeleteAsync(key, version, cancellationToken);
    }

    private static JobState Anew(JobState state) => new() { Model = state.Model, CreatedAt = state.CreatedAt, CallbackUrl = state.CallbackUrl };
}
