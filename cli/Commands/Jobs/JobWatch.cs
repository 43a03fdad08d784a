using System.Diagnostics;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Cli.Commands.Jobs;

/// <summary>Looks at a job.</summary>
internal static class JobWatch
{
    /// <summary>A job as it is now.</summary>
    /// <exception cref="JobException">There is none.</exception>
    public static async Task<JobSnapshot> LookAsync(JobStore jobs, OwnedId key, CancellationToken cancellationToken) =>
        await jobs.TryReadAsync(key, cancellationToken) ?? throw new JobException($"There is no job {key.Id}.");

    /// <summary>Waits until a job has its result. A person at a terminal sees how far it is.</summary>
    /// <exception cref="JobException">There is no such job, or it had no result in time.</exception>
    /// <exception cref="InterruptedException">The wait was stopped.</exception>
    public static async Task<JobSnapshot> ToEndAsync(JobStore jobs, OwnedId key, TimeSpan patience, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(patience);
        string hint = $"it goes on, look at it with: gemma2 jobs show {key.ForCommandLine()}";
        try
        {
            return await LiveLine.RunAsync($"{key.Id}: asking storage", line => WatchAsync(jobs, key, line, limit.Token));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw new InterruptedException($"interrupted; job {key.Id} has no result yet, {hint}");
        }
        catch (OperationCanceledException)
        {
            throw new JobException($"Job {key.Id} has no result after {patience.TotalSeconds} s; {hint}");
        }
    }

    private static Task<JobSnapshot> WatchAsync(JobStore jobs, OwnedId key, LiveLine? line, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        return Watch.UntilAsync(
            token => LookAsync(jobs, key, token),
            job => job.HasEnded,
            job => Show(JobText.Status(job.Status)),
            error => Show($"storage does not answer, trying again ({ErrorText.Describe(error)})"),
            cancellationToken);

        void Show(string state) => line?.Show($"{key.Id}: {state}, {Times.Describe(Stopwatch.GetElapsedTime(start))}", share: null);
    }
}
