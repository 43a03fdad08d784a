using Gemma2.Service.Api;
using Gemma2.Service.Lifetime;
using Gemma2.Service.Model;
using Gemma2.Service.Options;
using Gemma2.Service.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Functions.Hosts.Standalone;

/// <summary>Takes the messages of one queue, as the Functions host does where there is one. It takes none before the model is loaded.</summary>
internal sealed class QueuePoller(
    IQueueHandler handler, MessageProcessor processor, ModelHost model, ErrorReporter errors, FatalStop fatalStop, Gemma2Options options, ILogger<QueuePoller> log)
{
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    private const int MostMessagesACall = 32;

    /// <summary>Takes messages until it is to stop, and returns when those in hand have ended.</summary>
    /// <param name="stop">Take no more messages.</param>
    /// <param name="abandon">Give back those that are in hand.</param>
    public async Task RunAsync(CancellationToken stop, CancellationToken abandon)
    {
        var running = new List<Task>();
        try
        {
            await model.WaitForEngineAsync(stop);
            log.LogInformation("Polling queue {Queue}, up to {Messages} messages at once", handler.Queue.Name, handler.Concurrency);
            await PollAsync(running, stop, abandon);
        }
        // Without a model the app stops by itself: loading it has failed.
        catch (OperationCanceledException) when (stop.IsCancellationRequested || model.Engine is null)
        {
            await Task.WhenAll(running);
        }
        catch (Exception error)
        {
            errors.Report(error);
            fatalStop.Stop($"The queue {handler.Queue.Name} can no longer be polled.");
        }
    }

    private async Task PollAsync(List<Task> running, CancellationToken stop, CancellationToken abandon)
    {
        TimeSpan pause = ShortestPause;
        while (true)
        {
            // Also while another version of the model takes the place of the one before.
            await model.WaitForEngineAsync(stop);
            IReadOnlyList<QueueLease> leases = await ReceiveAsync(Math.Min(handler.Concurrency - running.Count, MostMessagesACall), stop);
            running.AddRange(leases.Select(lease => processor.ProcessAsync(handler, lease, abandon)));
            if (running.Count == handler.Concurrency)
                await Task.WhenAny(running).WaitAsync(stop);
            else if (leases.Count == 0)
                await Task.Delay(pause, stop);
            running.RemoveAll(job => job.IsCompleted);
            pause = leases.Count > 0 ? ShortestPause : TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LongestPause.Ticks));
        }
    }

    private async Task<IReadOnlyList<QueueLease>> ReceiveAsync(int most, CancellationToken cancellationToken)
    {
        try
        {
            return await handler.Queue.ReceiveAsync(most, options.QueueLease, cancellationToken);
        }
        catch (StorageException error)
        {
            // Storage is away, longer than its own retries wait: the messages stay where they are.
            errors.Report(error);
            return [];
        }
    }
}
