namespace Gemma2.Storage.Jobs;

/// <summary>
/// Looks after the jobs that have no result yet, and queues those again whose message was lost: somebody cleared the queue, or a message expired. Every process may
/// do so at once, and a message too many does no harm: a job's result is written once.
/// </summary>
/// <param name="connection">The storage account.</param>
/// <param name="lease">How long a worker may be silent: after two of them nobody works on a job whose marker does not change.</param>
public sealed class JobSweep(StorageConnection connection, TimeSpan lease)
{
    /// <summary>Of more jobs than these a sweep looks after the next ones the next time.</summary>
    private const int MostInASweep = 500;

    // A message that waits before it is tried again is seen by nobody meanwhile.
    private static readonly TimeSpan LongestRetryWait = TimeSpan.FromMinutes(5);

    private readonly JobMarkers _markers = new(connection);
    private readonly JobRequests _requests = new(connection);
    private readonly ResultStore _results = new(connection);
    private readonly JobQueue _queue = new(connection, StorageNames.CompletionRequests);
    private string? _page;

    /// <summary>Looks after the jobs.</summary>
    /// <param name="queuedAgain">Told of jobs whose message was lost.</param>
    /// <param name="cancellationToken">Ends the sweep.</param>
    /// <exception cref="StorageException">Storage is away.</exception>
    public async Task RunAsync(Action<OwnedId> queuedAgain, CancellationToken cancellationToken)
    {
        (IReadOnlyList<ActiveJob> jobs, string? next) = await _markers.ListAsync(_page, MostInASweep, cancellationToken);
        DateTimeOffset now = connection.UtcNow;
        ActiveJob[] quiet = [.. jobs.Where(job => now - job.ChangedAt > 2 * lease)];
        if (quiet.Length > 0)
        {
            DateTimeOffset quietSince = await LostSinceAsync(now, cancellationToken);
            foreach (ActiveJob job in quiet)
                if (await TryQueueAgainAsync(job, quietSince, cancellationToken)) queuedAgain(job.Key);
        }
        _page = next;
    }

    /// <summary>
    /// A job that has been quiet since before this time has no message. With an empty queue none has. Else one may wait unseen before it is tried again, and those
    /// that are seen are about as old as their jobs.
    /// </summary>
    private async Task<DateTimeOffset> LostSinceAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (await _queue.CountAsync(cancellationToken) + await _queue.Poison.CountAsync(cancellationToken) == 0) return now;
        DateTimeOffset unseen = now - (2 * lease) - LongestRetryWait;
        return await _queue.FindOldestVisibleAsync(cancellationToken) is { } oldest && oldest - lease < unseen ? oldest - lease : unseen;
    }

    private async Task<bool> TryQueueAgainAsync(ActiveJob job, DateTimeOffset lostSince, CancellationToken cancellationToken)
    {
        if (await _results.ExistsAsync(job.Key, cancellationToken))
        {
            await _markers.DeleteAsync(job.Key, cancellationToken);
            return false;
        }
        // Of all who see it quiet one goes on: whose change of the marker is the first. It also makes the others wait as long again.
        bool isLost = job.ChangedAt < lostSince && await _requests.TryReadAsync(job.Key, cancellationToken) is not null;
        if (!isLost || !await _markers.TryTouchAsync(job.Key, job.Version, cancellationToken)) return false;
        await _queue.SendAsync(new JobMessage(job.Key, null).ToJson(), TimeSpan.Zero, cancellationToken);
        return true;
    }
}
