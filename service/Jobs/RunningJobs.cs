using System.Collections.Concurrent;
using Gemma2.Service.Options;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Jobs;

/// <summary>The jobs that this process generates for, so that one that gets its result elsewhere (it was cancelled, or is done) stops here soon.</summary>
internal sealed class RunningJobs(JobWork work, Gemma2Options options)
{
    private readonly ConcurrentDictionary<RunningJob, OwnedId> _jobs = [];

    /// <summary>Begins to watch a job.</summary>
    /// <param name="key">The job.</param>
    /// <param name="cancellationToken">Ends the job for another reason.</param>
    public RunningJob Begin(OwnedId key, CancellationToken cancellationToken)
    {
        var job = new RunningJob(key, work, options.QueueLease / 2, ended => _jobs.TryRemove(ended, out _), cancellationToken);
        _jobs[job] = key;
        return job;
    }

    /// <summary>Stops a job that has got its result. Where another process runs it, that one sees the result within about a second.</summary>
    public void Stop(OwnedId key)
    {
        foreach ((RunningJob job, OwnedId running) in _jobs)
            if (running == key)
                job.Stop();
    }
}
