using System.Collections.Concurrent;
using Azure.Storage.Queues.Models;
using Gemma2.Service.Api;
using Gemma2.Service.Model;
using Gemma2.Service.Options;
using Gemma2.Service.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Functions.Hosts.Worker;

/// <summary>
/// Works on the messages that the Functions host delivers, each under a lease of the app's own: the host's lasts ten minutes, in which nobody else would get
/// the message of a worker that died. A worker that stops gives its messages back before it ends.
/// </summary>
internal sealed class MessagesInHand(
    IEnumerable<IQueueHandler> handlers, MessageProcessor processor, ModelHost model, ErrorReporter errors, Gemma2Options options, ILogger<MessagesInHand> log)
    : IHostedService, IDisposable
{
    // A worker that is about to be ready keeps what it has. A third of the lease, so that it need not be renewed; and not so long that another replica, which may be ready, misses it.
    private static readonly TimeSpan LongestHold = TimeSpan.FromSeconds(10);

    // For so long another replica may take what is given back, before this one's host does again.
    private static readonly TimeSpan GiveBackTime = TimeSpan.FromSeconds(2);

    // What the host takes messages for.
    private static readonly TimeSpan HostLease = TimeSpan.FromMinutes(10);

    private readonly Dictionary<string, IQueueHandler> _handlers = handlers.ToDictionary(handler => handler.Queue.Name);
    private readonly ConcurrentDictionary<Task, bool> _running = [];
    private readonly CancellationTokenSource _abandon = new();

    /// <summary>Works on a message to its end.</summary>
    /// <param name="queue">The queue that it comes from.</param>
    /// <param name="message">The message as the host took it.</param>
    /// <param name="cancellationToken">Give it back.</param>
    /// <exception cref="StorageException">Storage failed before the message was this worker's: it is the host's to try again.</exception>
    public async Task WorkOnAsync(string queue, QueueMessage message, CancellationToken cancellationToken)
    {
        Task work = AdoptAsync(_handlers[queue], message, cancellationToken);
        _running[work] = true;
        try
        {
            await work;
        }
        finally
        {
            _running.TryRemove(work, out _);
        }
    }

    /// <inheritdoc />
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        // The host has waited before it said to stop.
        await _abandon.CancelAsync();
        await Task.WhenAll(_running.Keys).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <inheritdoc />
    public void Dispose() => _abandon.Dispose();

    private async Task AdoptAsync(IQueueHandler handler, QueueMessage message, CancellationToken cancellationToken)
    {
        using var abandon = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _abandon.Token);
        if (await TryAdoptAsync(handler, message) is not { } lease)
            log.LogWarning("Message {Message} of queue {Queue} is not this worker's any more", message.MessageId, handler.Queue.Name);
        else if (await IsReadyAsync(abandon.Token))
            await processor.ProcessAsync(handler, lease, abandon.Token);
        else
            await processor.HandBackAsync(handler, lease, abandon.IsCancellationRequested ? TimeSpan.Zero : GiveBackTime);
    }

    /// <summary>Whether the model is ready, or is so soon.</summary>
    private async Task<bool> IsReadyAsync(CancellationToken abandon)
    {
        using var hold = CancellationTokenSource.CreateLinkedTokenSource(abandon);
        hold.CancelAfter(TimeSpan.FromTicks(Math.Min(options.QueueLease.Ticks / 3, LongestHold.Ticks)));
        try
        {
            await model.WaitForEngineAsync(hold.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Is tried as long as the message is the host's, which is of no use to it while storage is away. Is not cancelled: what is taken over can be given back as it was, where the host would use up one of its tries.</summary>
    private async Task<QueueLease?> TryAdoptAsync(IQueueHandler handler, QueueMessage message)
    {
        StoragePatience.Set(HostLease);
        try
        {
            return await handler.Queue.AdoptAsync(message, options.QueueLease, CancellationToken.None);
        }
        catch (StorageException error)
        {
            errors.Report(error);
            throw;
        }
    }
}
