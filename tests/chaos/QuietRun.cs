using Gemma2.Chaos.Tests.Audit;
using Gemma2.Chaos.Tests.Processes;
using Gemma2.Chaos.Tests.Work;
using Gemma2.Storage;

namespace Gemma2.Chaos.Tests;

/// <summary>Each input once, by one process, with nothing between it and storage.</summary>
internal static class QuietRun
{
    /// <summary>Runs it; what it gave is what all runs must give.</summary>
    public static async Task<Reference> RunAsync(
        Account account, Replica replica, IReadOnlyList<BatchInput> inputs, IReadOnlyList<(IClient Client, JobInput Job)> jobs,
        TimeSpan patience, CancellationToken cancellationToken)
    {
        await replica.WaitUntilReadyAsync(cancellationToken);
        var ledger = new Ledger();
        var client = new StorageClient(account.Connection, callbackUrl: null);
        List<(BatchInput Input, OwnedId Batch)> batches = [];
        foreach (BatchInput input in inputs) batches.Add((input, await ledger.SubmitAsync(client, input, cancellationToken)));
        foreach ((IClient owner, JobInput job) in jobs) await ledger.SubmitAsync(owner, job, cancellationToken);
        await account.WaitUntilSettledAsync(ledger, patience, cancellationToken);
        foreach ((BatchInput input, OwnedId batch) in batches) await ledger.RetryAsync(client, input, batch, cancellationToken);
        await account.WaitUntilSettledAsync(ledger, patience, cancellationToken);
        return await Reference.ReadAsync(account, ledger, cancellationToken);
    }
}
