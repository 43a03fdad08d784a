using System.Text;
using Gemma2.Functions.Configuration;
using Gemma2.Functions.Hosting;
using Gemma2.Functions.Http;
using Gemma2.Functions.Model;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Functions.Queue;

/// <summary>
/// Does for a queue what the Functions host does where there is one: delivers messages to the handler, renews their leases, tries again what failed, and
/// leaves to the poison queue what failed too often. It takes no message before the model is loaded.
/// </summary>
internal sealed class QueuePoller(
    IQueueHandler handler, QueueDispatcher dispatcher, ModelHost model, ErrorReporter errors, FatalStop fatalStop, Gemma2Options options, ILogger<QueuePoller> log)
    : BackgroundService
{
    // As host.json has them.
    internal static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    // What is left, after the app's time to stop, of the time that container platforms give before they kill.
    private static readonly TimeSpan HandBackTime = TimeSpan.FromSeconds(4);

    private const int MostMessagesACall = 32;

    private readonly TimeSpan _lease = options.QueueLease;
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
            log.LogInformation("Polling queue {Queue}, up to {Messages} messages at once", handler.Queue.Name, handler.Concurrency);
            await PollAsync(running, stoppingToken);
        }
        // Without a model the app stops by itself: loading it has failed.
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested || model.Engine is null)
        {
            await Task.WhenAll(running);
        }
        catch (Exception error)
        {
            errors.Report(error);
            fatalStop.Stop($"The queue {handler.Queue.Name} can no longer be polled.");
        }
    }

    private async Task PollAsync(List<Task> running, CancellationToken stoppingToken)
    {
        TimeSpan pause = ShortestPause;
        while (true)
        {
            IReadOnlyList<QueueLease> leases = await ReceiveAsync(Math.Min(handler.Concurrency - running.Count, MostMessagesACall), stoppingToken);
            running.AddRange(leases.Select(ProcessAsync));
            if (running.Count == handler.Concurrency)
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
            return await handler.Queue.ReceiveAsync(most, _lease, cancellationToken);
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
            await dispatcher.DispatchAsync(handler, new QueueDelivery(lease.ReadText(), lease.DequeueCount, lease.InsertedOn, lease.MessageId), work.Token);
            await EndAsync(_lease, token => lease.CompleteAsync(token));
        }
        catch (OperationCanceledException) when (work.IsCancellationRequested)
        {
            // Where the lease was lost the message is another worker's already.
            if (_abandon.IsCancellationRequested)
                await EndAsync(HandBackTime, token => HandBackAsync(lease, token));
        }
        catch (JobMessageException error) when (!handler.Queue.IsPoison)
        {
            errors.Report(error);
            await EndAsync(_lease, token => lease.GiveUpAsync(token));
        }
        catch (Exception error)
        {
            errors.Report(error);
            await EndAsync(_lease, token => lease.FailAsync(RetryDelay, token));
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
                await Task.Delay(_lease / 3, work.Token);
            while (await TryRenewAsync(lease, work.Token));
            log.LogWarning("Message {Message}: its lease was lost", lease.MessageId);
            await work.CancelAsync();
        }
        catch (OperationCanceledException)
        {
            // The work has ended.
        }
    }

    /// <summary>False only where the lease is lost: while storage is away nobody else can take the message either.</summary>
    private async Task<bool> TryRenewAsync(QueueLease lease, CancellationToken cancellationToken)
    {
        try
        {
            return await lease.RenewAsync(_lease, cancellationToken);
        }
        catch (StorageException error)
        {
            errors.Report(error);
            return true;
        }
    }

    /// <summary>Another worker need not wait for the lease to end: a new copy has all its tries before it, the message itself would have one less.</summary>
    private async Task HandBackAsync(QueueLease lease, CancellationToken cancellationToken)
    {
        try
        {
            await handler.Queue.SendAsync(Encoding.UTF8.GetBytes(lease.ReadText()), TimeSpan.Zero, cancellationToken);
            await lease.CompleteAsync(cancellationToken);
        }
        catch (StorageException)
        {
            await lease.RenewAsync(TimeSpan.Zero, cancellationToken);
        }
    }

    /// <summary>Tells storage what became of a message. If storage does not hear it, the message is delivered again, which does no harm.</summary>
    private async Task EndAsync(TimeSpan limit, Func<CancellationToken, Task> end)
    {
        using var time = new CancellationTokenSource(limit);
        try
        {
            await end(time.Token);
        }
        catch (Exception error) when (error is StorageException or OperationCanceledException)
        {
            errors.Report(error);
        }
    }
}
