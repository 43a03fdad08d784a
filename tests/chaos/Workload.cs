using System.Collections.Concurrent;
using Gemma2.Chaos.Tests.Audit;
using Gemma2.Chaos.Tests.Work;
using Gemma2.Storage;
using Gemma2.Storage.Batches;

namespace Gemma2.Chaos.Tests;

/// <summary>Hands in work while things break: as soon as one batch has ended the next comes.</summary>
internal sealed class Workload(
    Account account, Ledger ledger, IReadOnlyList<IClient> clients, IReadOnlyList<BatchInput> inputs, IReadOnlyList<JobInput> jobs, int seed)
{
    private const int MostEndings = 4;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    private readonly BatchStore _batches = new(account.Connection);
    private readonly BatchRecords _records = new(account.Connection);
    private readonly Random _random = new(seed);
    private readonly ConcurrentBag<Task> _endings = [];

    /// <summary>The client whose job it is.</summary>
    public static IClient ClientOf(IReadOnlyList<IClient> clients, int job) => clients[job % clients.Count];

    /// <summary>Runs each input once, and then again and again until it is told to stop.</summary>
    public async Task RunAsync(CancellationToken stop, CancellationToken cancellationToken)
    {
        IEnumerable<Task> batches = inputs.Select((input, index) => RepeatAsync(input, index, stop, cancellationToken));
        await Task.WhenAll([.. batches, RunJobsAsync(cancellationToken)]);
        await Task.WhenAll(_endings);
    }

    /// <summary>Hands in a batch to cancel it when some of it is done; does not wait for that.</summary>
    public Task CancelABatchAsync(CancellationToken cancellationToken)
    {
        Begin(() => SubmitAndEndAsync((client, batch) => client.CancelBatchAsync(batch, cancellationToken), cancellationToken));
        return Task.CompletedTask;
    }

    /// <summary>Hands in a batch whose window ends when some of it is done; does not wait for that.</summary>
    public Task ExpireABatchAsync(CancellationToken cancellationToken)
    {
        Begin(() => SubmitAndEndAsync((_, batch) => ExpireAsync(batch, cancellationToken), cancellationToken));
        return Task.CompletedTask;
    }

    private async Task RepeatAsync(BatchInput input, int index, CancellationToken stop, CancellationToken cancellationToken)
    {
        do
        {
            OwnedId batch = await ledger.SubmitAsync(clients[index++ % clients.Count], input, cancellationToken);
            await WaitAsync(batch, record => record.HasEnded, cancellationToken);
            OwnedId retry = await ledger.RetryAsync(ClientOf(batch), input, batch, cancellationToken);
            await WaitAsync(retry, record => record.HasEnded, cancellationToken);
        }
        while (!stop.IsCancellationRequested);
    }

    /// <summary>Jobs come one after the other; some come twice, some are cancelled.</summary>
    private async Task RunJobsAsync(CancellationToken cancellationToken)
    {
        for (int index = 0; index < jobs.Count; index++)
        {
            IClient client = ClientOf(clients, index);
            await ledger.SubmitAsync(client, jobs[index], cancellationToken);
            if (index % 4 == 0) await client.SubmitJobAsync(jobs[index], cancellationToken);
            if (index % 8 == 5) await client.CancelJobAsync(jobs[index].Id, cancellationToken);
            await Task.Delay(Draw(1000), cancellationToken);
        }
    }

    // Those of a key whose quota has no room wait for each other: without a bound they would become more and more.
    private void Begin(Func<Task> ending)
    {
        if (_endings.Count(task => !task.IsCompleted) < MostEndings) _endings.Add(ending());
    }

    private IClient ClientOf(OwnedId batch) => clients.Single(client => client.Owner == batch.Owner);

    private async Task SubmitAndEndAsync(Func<IClient, OwnedId, Task> end, CancellationToken cancellationToken)
    {
        IClient client = clients[Draw(clients.Count)];
        OwnedId batch = await ledger.SubmitAsync(client, inputs[Draw(inputs.Count)], cancellationToken);
        int enough = Draw(10);
        await WaitAsync(batch, record => record.HasEnded || record.Counts.Completed >= enough, cancellationToken);
        await end(client, batch);
    }

    // An hour is the shortest window: its end is put to now.
    private Task<BatchRecord?> ExpireAsync(OwnedId batch, CancellationToken cancellationToken) => Persistence.UntilItWorksAsync(
        () => _records.UpdateAsync(batch, record => record.HasEnded ? record : record with { ExpiresAt = account.Connection.UtcNow }, cancellationToken),
        error => error is StorageException,
        cancellationToken);

    /// <summary>Looks past the faults; while storage is away there is nothing to be seen.</summary>
    private async Task WaitAsync(OwnedId batch, Func<BatchRecord, bool> reached, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                if (await _batches.TryReadAsync(batch, cancellationToken) is not { } record || reached(record)) return;
            }
            catch (StorageException)
            {
                // It is being started again.
            }
            await Task.Delay(Look, cancellationToken);
        }
    }

    private int Draw(int below)
    {
        lock (_random) return _random.Next(below);
    }
}
