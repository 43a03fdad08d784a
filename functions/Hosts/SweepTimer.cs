using Gemma2.Service.Batches;

namespace Gemma2.Functions.Hosts;

/// <summary>Calls the sweeper every minute, in this process: where there is no Functions host, and where its timer is turned off.</summary>
internal sealed class SweepTimer(Sweeper sweeper) : BackgroundService
{
    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                // Never quite the same, so that processes that started together do not all come at once.
                await Task.Delay(Sweeper.Interval * (0.75 + Random.Shared.NextDouble() / 2), stoppingToken);
                await sweeper.RunAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The app stops.
        }
    }
}
