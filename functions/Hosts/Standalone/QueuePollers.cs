using Gemma2.Service.Queue;

namespace Gemma2.Functions.Hosts.Standalone;

/// <summary>Polls every queue that has a handler.</summary>
internal sealed class QueuePollers(IEnumerable<IQueueHandler> handlers, IServiceProvider services) : BackgroundService
{
    private readonly CancellationTokenSource _abandon = new();

    /// <inheritdoc />
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        // Jobs in hand may end while the app's time to stop lasts; then they are given back.
        await using CancellationTokenRegistration registration = cancellationToken.Register(_abandon.Cancel);
        await base.StopAsync(CancellationToken.None);
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _abandon.Dispose();
        base.Dispose();
    }

    /// <inheritdoc />
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(handlers.Select(handler => ActivatorUtilities.CreateInstance<QueuePoller>(services, handler).RunAsync(stoppingToken, _abandon.Token)));
}
