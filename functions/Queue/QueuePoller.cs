using Gemma2.Functions.Configuration;
using Gemma2.Functions.Hosting;
using Gemma2.Functions.Http;
using Gemma2.Functions.Model;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Functions.Queue;

/// <summary>
/// Does for the queue what the Functions host does where there is one: delivers messages to the handler, renews their leases, tries again what failed, and
/// leaves to the poison queue what failed too often. It takes no message before the model is loaded.
/// </summary>
internal sealed class QueuePoller(
    CompletionQueue queue, CompletionJobHandler handler, ModelHost model, ErrorReporter errors, FatalStop fatalStop, Gemma2Options options, ILogger<QueuePoller> log)
    : BackgroundService
{
    // Short, so that another worker soon takes over from one that died; renewed long before it ends.
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan RenewalInterval = TimeSpan.FromSeconds(20);

    // As host.json has them.
    internal static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    private const int MostMessagesACall = 32;

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
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var running = new List<Task>();
        try
        {
            await model.WaitForEngineAsync(stoppingToken);
            log.LogInformation("Polling queue {Queue}, up to {Jobs} jobs at once", queue.Messages.Name, options.MaxSequences);
            await PollAsync(running, stoppingToken);
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(running);
        }
        catch (Exception error)
        {
            errors.Report(error);
            fatalStop.Stop("The queue can no longer be polled.");
        }
    }

    private async Task PollAsync(List<Task> running, CancellationToken stoppingToken)
    {
        TimeSpan pause = ShortestPause;
        while (true)
        {
            IReadOnlyList<QueueLease> leases = await ReceiveAsync(Math.Min(options.MaxSequences - running.Count, MostMessagesACall), stoppingToken);
            running.AddRange(leases.Select(ProcessAsync));
            if (running.Count == options.MaxSequences)
                await Task.WhenAny(running).WaitAsync(stoppingToken);
            else if (leases.Count == 0)
                await Task.Delay(pause, stoppingToken);
            running.RemoveAll(job => job.IsCompleted);
            pause = leases.Count > 0 ? ShortestPause : TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LongestPause.Ticks));
        }
    }

    private async Task<IReadOnlyList<QueueLease>> ReceiveAsync(int most, CancellationToken cancellationToken)
    {
        try
        {
            return await queue.Messages.ReceiveAsync(most, Lease, cancellationToken);
        }
        catch (StorageException error)
        {
            // Storage is away, longer than its own retries wait: the messages stay where they are.
            errors.Report(error);
            return [];
        }
    }

    private async Task ProcessAsync(QueueLease lease)
    {
        using var work = CancellationTokenSource.CreateLinkedTokenSource(_abandon.Token);
        Task renewal = RenewAsync(lease, work);
        try
        {
            await handler.HandleAsync(new QueueDelivery(lease.ReadText(), lease.DequeueCount, lease.InsertedOn), work.Token);
            await EndAsync(() => lease.CompleteAsync(CancellationToken.None));
        }
        catch (OperationCanceledException) when (work.IsCancellationRequested)
        {
            // Given back, so that another worker need not wait for the lease to end. Where the lease was lost this changes nothing.
            await EndAsync(() => lease.RenewAsync(TimeSpan.Zero, CancellationToken.None));
        }
        catch (Exception error)
        {
            errors.Report(error);
            await EndAsync(() => lease.FailAsync(RetryDelay, CancellationToken.None));
        }
        finally
        {
            await work.CancelAsync();
            await renewal;
        }
    }

    /// <summary>Renews the lease until the work ends; ends the work when the message has become another worker's.</summary>
    private async Task RenewAsync(QueueLease lease, CancellationTokenSource work)
    {
        try
        {
            do
                await Task.Delay(RenewalInterval, work.Token);
            while (await lease.RenewAsync(Lease, work.Token));
            log.LogWarning("Message {Message}: its lease was lost", lease.MessageId);
            await work.CancelAsync();
        }
        catch (OperationCanceledException)
        {
            // The work has ended.
        }
        catch (StorageException error)
        {
            errors.Report(error);
        }
    }

    /// <summary>Tells storage what became of a message. If storage does not hear it, the message is delivered again, which does no harm.</summary>
    private async Task EndAsync(Func<Task> end)
    {
        try
        {
            await end();
        }
        catch (StorageException error)
        {
            errors.Report(error);
        }
    }
}
