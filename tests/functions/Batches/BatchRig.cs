using Azure.Core.Pipeline;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Functions.Tests.Jobs;
using Gemma2.Service.Api;
using Gemma2.Service.Batches;
using Gemma2.Service.Callbacks;
using Gemma2.Service.Completions;
using Gemma2.Service.Lifetime;
using Gemma2.Service.Model;
using Gemma2.Service.Options;
using Gemma2.Service.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;
using Gemma2.Storage.Jobs;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gemma2.Functions.Tests.Batches;

/// <summary>One worker's handler of batch messages, and who delivers to it by the test's will: the parts that the app has, without the app.</summary>
internal sealed class BatchRig
{
    // Far longer than any test.
    private static readonly TimeSpan MessageLease = TimeSpan.FromHours(1);

    private readonly JobQueue _queue;

    private BatchRig(StorageConnection connection, JobQueue queue, ModelHost model, FatalStop fatalStop, ApplicationLifetime lifetime, Gemma2Options options, TimeSpan lease)
    {
        (_queue, Lifetime) = (queue, lifetime);
        Work = new BatchWork(connection, lease, new BatchTerms(options.Prices, options.BatchWebhook));
        Sweep = new BatchSweep(connection, Work, lease);
        var files = new FileStore(connection);
        var meter = new ThroughputMeter();
        var runner = new LineRunner(new CompletionFactory(new ModelGrammars(), options), new LineLimiter(options), meter, new BatchTokens(options, TimeProvider.System));
        var split = new SplitStep(Work, files, model, meter, options, NullLogger<SplitStep>.Instance);
        var chunk = new ChunkStep(Work, new ChunkInput(files), runner, model, lifetime, options, NullLogger<ChunkStep>.Instance);
        var callbacks = new BatchCallbacks(
            Work, new CallbackRules(options), new CallbackSender(CallbackReceiver.Network, options), NullLogger<BatchCallbacks>.Instance);
        Handler = new BatchRequestHandler(Work, new BatchTurns(Work), split, chunk, callbacks, lifetime, new ErrorReporter(fatalStop, NullLogger<ErrorReporter>.Instance));
    }

    public BatchWork Work { get; }

    public BatchSweep Sweep { get; }

    public BatchRequestHandler Handler { get; }

    /// <summary>Tells the worker that the app stops.</summary>
    public ApplicationLifetime Lifetime { get; }

    /// <summary>Called before each delivery.</summary>
    public Func<Task> BeforeDelivery { get; set; } = () => Task.CompletedTask;

    /// <summary>Called after each delivery.</summary>
    public Action Delivered { get; set; } = () => { };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A worker that sees storage through a transport; who delivers to it does not.</summary>
    /// <param name="account">The account.</param>
    /// <param name="engine">The model.</param>
    /// <param name="transport">Shows faults; null shows none.</param>
    /// <param name="lease">How long a worker may be silent. By default it may not: who has a chunk may always be taken for dead.</param>
    /// <param name="configure">Other settings.</param>
    public static async Task<BatchRig> CreateAsync(BatchAccount account, IInferenceEngine engine, HttpPipelineTransport? transport = null, TimeSpan? lease = null, Func<Gemma2Options, Gemma2Options>? configure = null)
    {
        var tuning = new StorageTuning
        {
            Transport = transport,
            Retry = new() { BaseDelay = TimeSpan.FromMilliseconds(1), MaxDelay = TimeSpan.FromMilliseconds(5), MaxRetries = 2 },
            Breaker = new() { MinimumTries = int.MaxValue },
        };
        StorageConnection connection = StorageConnection.FromSettings(_ => account.ConnectionString, "Storage", tuning);
        var lifetime = new ApplicationLifetime(NullLogger<ApplicationLifetime>.Instance);
        var fatalStop = new FatalStop(lifetime, NullLogger<FatalStop>.Instance);
        var model = new ModelHost(new Loader(engine), new LoadRetry(), fatalStop, NullLogger<ModelHost>.Instance);
        await model.StartAsync(Cancel);
        // Chunks of few lines.
        var options = new Gemma2Options { Model = "scripted", BatchChunkSeconds = 1, MaxSequences = 2 };
        options = configure?.Invoke(options) ?? options;
        return new BatchRig(
            connection, new JobQueue(account.Connection, StorageNames.BatchRequests), model, fatalStop, lifetime, options, lease ?? TimeSpan.Zero);
    }

    /// <summary>Delivers messages until there are none, replaced ones at once whatever they ask for.</summary>
    /// <param name="crashed">Whether the worker has died: then what it was given is delivered again.</param>
    public async Task DrainAsync(Func<bool>? crashed = null)
    {
        while (await DeliverAsync(crashed) > 0)
        {
        }
    }

    /// <summary>Delivers the messages that there are, one after the other, and gives their number.</summary>
    public async Task<int> DeliverAsync(Func<bool>? crashed = null)
    {
        IReadOnlyList<QueueLease> leases = await _queue.ReceiveAsync(32, MessageLease, Cancel);
        foreach (QueueLease lease in leases)
            await DeliverAsync(lease, crashed ?? (() => false));
        return leases.Count;
    }

    private async Task DeliverAsync(QueueLease lease, Func<bool> crashed)
    {
        QueueOutcome outcome = QueueOutcome.Done;
        Exception? error = null;
        await BeforeDelivery();
        try
        {
            outcome = await Handler.HandleAsync(new QueueDelivery(lease.ReadText(), lease.DequeueCount, lease.InsertedOn, lease.MessageId), Cancel);
        }
        catch (Exception e)
        {
            error = e;
        }
        Delivered();
        if (crashed())
        {
            await lease.RenewAsync(TimeSpan.Zero, Cancel);
            return;
        }
        Assert.Null(error);
        if (outcome is QueueOutcome.Replaced replaced)
            await _queue.SendAsync(replaced.Message, TimeSpan.Zero, Cancel);
        await lease.CompleteAsync(Cancel);
    }

    private sealed class Loader(IInferenceEngine engine) : IEngineLoader
    {
        public Task<IInferenceEngine> LoadAsync(IProgress<LoadProgress> progress, CancellationToken cancellationToken) => Task.FromResult(engine);
    }
}
