using System.Diagnostics;
using Gemma2.Service.Api;
using Gemma2.Service.Options;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Batches;

/// <summary>Looks after batches and jobs that nobody works on and deletes files that have expired and, where that is set, what is old. Its host calls it every <see cref="Interval"/>.</summary>
internal sealed class Sweeper(BatchSweep sweep, JobSweep jobs, Retention retention, Gemma2Options options, ErrorReporter errors, ILogger<Sweeper> log)
{
    /// <summary>How often batches are looked after.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan RetentionInterval = TimeSpan.FromHours(1);

    // The first time is soon enough for a process that does not live long.
    private long? _lastDeletion;

    /// <summary>Does what is due. What goes wrong is reported, and tried again the next time.</summary>
    /// <exception cref="OperationCanceledException">The token.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await TryAsync(token => sweep.RunAsync((batch, error) => log.LogWarning("Batch {Batch}: {Reason}", batch, error.Message), token), cancellationToken);
        await TryAsync(token => jobs.RunAsync(job => log.LogWarning("Job {Job}: its message was lost; it is queued again", job), token), cancellationToken);
        if (_lastDeletion is not { } last || Stopwatch.GetElapsedTime(last) >= RetentionInterval)
            await TryAsync(DeleteAsync, cancellationToken);
    }

    private async Task DeleteAsync(CancellationToken cancellationToken)
    {
        if (await retention.DeleteExpiredAsync(cancellationToken) is > 0 and int expired)
            log.LogInformation("Deleted {Count} files that had expired", expired);
        if (options.RetentionDays is { } days && await retention.RunAsync(TimeSpan.FromDays(days), cancellationToken) is > 0 and int old)
            log.LogInformation("Deleted {Count} blobs that were older than {Days} days", old, days);
        _lastDeletion = Stopwatch.GetTimestamp();
    }

    private async Task TryAsync(Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        try
        {
            await work(cancellationToken);
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            errors.Report(error);
        }
    }
}
