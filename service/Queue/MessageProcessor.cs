using System.Text;
using Gemma2.Service.Api;
using Gemma2.Service.Options;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Queue;

/// <summary>
/// Works on one message that is this process's, whoever took it from its queue: renews its lease, hands it to its handler and tells the queue what became
/// of it. What failed is tried again; what failed too often goes to the poison queue; what is no work for anybody becomes a dead letter at once.
/// </summary>
internal sealed class MessageProcessor(QueueDispatcher dispatcher, DeadLetters deadLetters, ErrorReporter errors, Gemma2Options options, ILogger<MessageProcessor> log)
{
    /// <summary>How long a message waits that failed. host.json says the same.</summary>
    public static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(30);

    /// <summary>How long one waits that storage, or the device, failed. It is back, since the queue has heard of the failure.</summary>
    private static readonly TimeSpan InfrastructureDelay = TimeSpan.FromSeconds(5);

    // Functions hosts kill 5 s after they said that it is time to end, container platforms about as soon.
    private static readonly TimeSpan HandBackTime = TimeSpan.FromSeconds(4);

    private readonly TimeSpan _lease = options.QueueLease;

    /// <summary>Works on a message to its end. It throws nothing: what goes wrong is reported, and the message comes again.</summary>
    /// <param name="handler">What handles it.</param>
    /// <param name="lease">The message. It is this process's until this returns.</param>
    /// <param name="abandon">Give the message back: the time to stop is over.</param>
    public async Task ProcessAsync(IQueueHandler handler, QueueLease lease, CancellationToken abandon)
    {
        StoragePatience.Set(StoragePatience.OfWork);
        using var work = CancellationTokenSource.CreateLinkedTokenSource(abandon);
        Task renewal = RenewAsync(lease, work);
        var delivery = new QueueDelivery(lease.ReadText(), lease.DequeueCount, lease.InsertedOn, lease.MessageId);
        try
        {
            try
            {
                await dispatcher.DispatchAsync(handler, delivery, work.Token);
            }
            catch (JobMessageException error)
            {
                await deadLetters.KeepAsync(handler.Queue, delivery, error, work.Token);
            }
            await EndAsync(_lease, token => lease.CompleteAsync(token));
        }
        catch (OperationCanceledException) when (work.IsCancellationRequested)
        {
            // Where the lease was lost the message is another worker's already.
            if (abandon.IsCancellationRequested)
                await HandBackAsync(handler, lease, TimeSpan.Zero);
        }
        catch (Exception error)
        {
            errors.Report(error);
            await EndAsync(_lease, token => lease.FailAsync(RetryBackoff.IsInfrastructure(error) ? InfrastructureDelay : RetryDelay, token));
        }
        finally
        {
            await work.CancelAsync();
            await renewal;
        }
    }

    /// <summary>Gives a message back unworked: another worker need not wait for the lease to end. A new copy has all its tries before it, the message itself would have one less.</summary>
    /// <param name="handler">What would handle it.</param>
    /// <param name="lease">The message.</param>
    /// <param name="delay">When it may be delivered again, from now.</param>
    public Task HandBackAsync(IQueueHandler handler, QueueLease lease, TimeSpan delay) => EndAsync(HandBackTime, async token =>
    {
        try
        {
            await handler.Queue.SendAsync(Encoding.UTF8.GetBytes(lease.ReadText()), delay, token);
            await lease.CompleteAsync(token);
        }
        catch (StorageException)
        {
            await lease.RenewAsync(delay, token);
        }
    });

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
