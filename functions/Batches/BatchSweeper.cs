using Gemma2.Functions.Configuration;
using Gemma2.Functions.Http;
using Gemma2.Storage;
using Gemma2.Storage.Batches;

namespace Gemma2.Functions.Batches;

/// <summary>Every minute looks after batches that nobody works on; every hour, where that is set, deletes what is old.</summary>
internal sealed class BatchSweeper(BatchSweep sweep, Retention retention, Gemma2Options options, ErrorReporter errors, ILogger<BatchSweeper> log)
    : BackgroundService
{
    private static readonly TimeSpan SweepInterval = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan RetentionInterval = TimeSpan.FromHours(1);

    // Soon enough for a process that does not live long.
    private static readonly TimeSpan FirstWait = TimeSpan.FromMinutes(1);

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Task[] tasks =
        [
            RepeatAsync(SweepInterval, token => sweep.RunAsync((batch, error) => log.LogWarning("Batch {Batch}: {Reason}", batch, error.Message), token), stoppingToken),
            options.RetentionDays is { } days ? RepeatAsync(RetentionInterval, token => DeleteAsync(days, token), stoppingToken) : Task.CompletedTask,
        ];
        await Task.WhenAll(tasks);
    }

    private async Task DeleteAsync(int days, CancellationToken cancellationToken)
    {
        int deleted = await retention.RunAsync(TimeSpan.FromDays(days), cancellationToken);
        if (deleted > 0)
            log.LogInformation("Deleted {Count} blobs that were older than {Days} days", deleted, days);
    }

    private async Task RepeatAsync(TimeSpan interval, Func<CancellationToken, Task> work, CancellationToken stoppingToken)
    {
        for (TimeSpan wait = FirstWait; ; wait = interval)
        {
            try
            {
                // Never quite the same, so that processes that started together do not all come at once.
                await Task.Delay(wait * (0.75 + Random.Shared.NextDouble() / 2), stoppingToken);
                await work(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                errors.Report(error);
            }
        }
    }
}
