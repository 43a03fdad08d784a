using System.Diagnostics;
using Gemma2.Chaos.Tests.Audit;
using Gemma2.Chaos.Tests.Faults;
using Gemma2.Chaos.Tests.Processes;
using Gemma2.Chaos.Tests.Work;
using Gemma2.Testing;

namespace Gemma2.Chaos.Tests;

/// <summary>
/// A quiet run, then the same work while processes die, storage goes away and calls to it fail; then everything that must be there is looked for.
/// </summary>
internal sealed class ChaosRun(ChaosOptions options, AzuriteProcess azurite, string logs, Action<string> say) : IAsyncDisposable
{
    /// <summary>The accounts in Azurite.</summary>
    public const string QuietAccount = "quiet", ChaosAccount = "chaos";

    private const string Owner = "ann";
    private const string Key = "key-of-ann-0123456789";

    private readonly List<IAsyncDisposable> _started = [];
    private Hooks? _hooks;

    /// <summary>What the run did.</summary>
    public ChaosReport Report { get; } = new();

    /// <summary>Runs it all; gives what is wrong.</summary>
    public async Task<IReadOnlyList<string>> RunAsync(CancellationToken cancellationToken)
    {
        if (OwnNetwork.IsHere) _started.Add(_hooks = await Hooks.StartAsync(logs, options.Seed));
        BatchInput[] inputs = [.. Enumerable.Range(0, options.Batches).Select(CreateInput)];
        IReadOnlyList<JobInput> jobs = JobInput.Create(ModelName, options.Jobs, options.Seed);
        say($"Seed {options.Seed}: a quiet run of {inputs.Sum(input => input.Lines.Count) + jobs.Count} requests");
        Reference reference = await RunQuietlyAsync(inputs, jobs, cancellationToken);
        return await RunInChaosAsync(inputs, jobs, reference, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (IAsyncDisposable started in Enumerable.Reverse(_started)) await started.DisposeAsync();
    }

    private static string ModelName => Path.GetFileName(Repository.Nano);

    private BatchInput CreateInput(int index) =>
        BatchInput.Create($"input{index}", BatchInput.Endpoints[index % BatchInput.Endpoints.Count], ModelName, options.Requests, options.Seed + index);

    private async Task<Reference> RunQuietlyAsync(BatchInput[] inputs, IReadOnlyList<JobInput> jobs, CancellationToken cancellationToken)
    {
        var account = new Account(azurite.ConnectionString(QuietAccount), [null, Owner]);
        Replica replica = StartReplica("quiet", account.ConnectionString, new Dictionary<string, string>());
        using var http = new HttpApiClient([replica], Owner, Key, callbackUrl: null);
        IClient[] clients = [new StorageClient(account.Connection, callbackUrl: null), http];
        long start = Stopwatch.GetTimestamp();
        Reference reference = await QuietRun.RunAsync(
            account, replica, inputs, [.. jobs.Select((job, index) => (Workload.ClientOf(clients, index), job))], options.Patience, cancellationToken);
        await replica.StopAsync(cancellationToken);
        Assert.Empty(replica.Failures);
        Report.Add("the quiet run took", Stopwatch.GetElapsedTime(start));
        return reference;
    }

    private async Task<IReadOnlyList<string>> RunInChaosAsync(
        BatchInput[] inputs, IReadOnlyList<JobInput> jobs, Reference reference, CancellationToken cancellationToken)
    {
        var account = new Account(azurite.ConnectionString(ChaosAccount), [null, Owner]);
        FaultProxy proxy = await FaultProxy.StartAsync(azurite.Blobs, azurite.Queues, account.ConnectionString, options.Seed);
        _started.Add(proxy);
        string faulty = azurite.ConnectionString(ChaosAccount, proxy.Blobs, proxy.Queues);
        Replica[] replicas = [.. Enumerable.Range(0, options.Processes).Select(index => StartReplica($"replica{index}", faulty, _hooks?.Settings ?? new Dictionary<string, string>()))];
        await Task.WhenAll(replicas.Select(replica => replica.WaitUntilReadyAsync(cancellationToken)));
        string? callbackUrl = _hooks is null ? null : Hooks.Url(Hooks.Jobs);
        using var http = new HttpApiClient(replicas, Owner, Key, callbackUrl);
        var ledger = new Ledger();
        var work = new Workload(account, ledger, [new StorageClient(new Account(faulty, []).Connection, callbackUrl), http], inputs, jobs, options.Seed);
        var monkey = new Monkey(options.IsHosted, replicas, azurite, proxy, account, work, options.Seed);

        say("Chaos begins");
        long start = Stopwatch.GetTimestamp();
        proxy.Rates = FaultRates.Bad;
        await MakeTroubleAsync(work, monkey, cancellationToken);
        proxy.Rates = FaultRates.None;
        Report.Add("things broke for", Stopwatch.GetElapsedTime(start));

        say("Chaos has ended: what is left must come to its end");
        start = Stopwatch.GetTimestamp();
        await account.WaitUntilSettledAsync(ledger, options.Patience, cancellationToken);
        Report.Add("what was left took", Stopwatch.GetElapsedTime(start));
        await Task.WhenAll(replicas.Select(replica => replica.StopAsync(cancellationToken)));
        var auditor = new Auditor(account, ledger, reference, monkey.Garbage);
        await auditor.RunAsync(cancellationToken);
        FillReport(monkey, proxy, replicas, ledger, auditor);
        Report.Add("requests that a quota had no room for", http.QuotaRefusals);
        IReadOnlyList<string> untold = await FindUntoldAsync(account, ledger, cancellationToken);
        string[] unused = http.QuotaRefusals > 0 ? [] : ["No request met the quota of its key."];
        return [.. proxy.Failures, .. auditor.Findings, .. untold, .. unused, .. replicas.SelectMany(replica => replica.Failures)];
    }

    private async Task<IReadOnlyList<string>> FindUntoldAsync(Account account, Ledger ledger, CancellationToken cancellationToken)
    {
        if (_hooks is null) return [];
        Report.Add("callbacks heard", _hooks.Heard.Count);
        Report.Add("... whose receiver failed", _hooks.Failures);
        return HookAudit.Find(_hooks.Heard, await account.ListBatchesAsync(cancellationToken), [.. ledger.Jobs.Keys]);
    }

    /// <summary>The work stops coming when the time is over, or else when every trouble was made once; the trouble stops when the work is done.</summary>
    private async Task MakeTroubleAsync(Workload work, Monkey monkey, CancellationToken cancellationToken)
    {
        using var enoughWork = new CancellationTokenSource();
        using var enoughTrouble = new CancellationTokenSource();
        if (options.Time is { } time) enoughWork.CancelAfter(time);
        else await enoughWork.CancelAsync();
        Task working = work.RunAsync(enoughWork.Token, cancellationToken);
        Task troubling = monkey.RunAsync(enoughTrouble.Token, cancellationToken);
        await Task.WhenAny(working, troubling);
        if (working.IsCompleted) await enoughTrouble.CancelAsync();
        await Task.WhenAll(working, troubling);
    }

    private Replica StartReplica(string name, string connectionString, IReadOnlyDictionary<string, string> more)
    {
        var replica = Replica.Start(Path.Combine(logs, $"{name}.log"), options.IsHosted, new Dictionary<string, string>(more)
        {
            ["AzureWebJobsStorage"] = connectionString,
            ["Gemma2__Model"] = Repository.Nano,
            ["Gemma2__AllowSoftwareDevice"] = "true",
            ["Gemma2__ApiKeys"] = $"{Owner}={Key}",
            // So few that what comes often has to wait.
            ["Gemma2__KeyQuotas"] = $"{Owner}=0/2/2",
            // Short leases and chunks: much is to happen in a short time.
            ["Gemma2__QueueLeaseSeconds"] = "5",
            ["Gemma2__BatchChunkSeconds"] = "2",
        });
        _started.Add(replica);
        return replica;
    }

    private void FillReport(Monkey monkey, FaultProxy proxy, Replica[] replicas, Ledger ledger, Auditor auditor)
    {
        string processes = options.IsHosted ? "Functions hosts" : "processes";
        Report.Add($"{processes} at once", replicas.Length);
        Report.AddCounts(processes, monkey.Counts);
        if (options.IsHosted) Report.Add("Functions hosts that gave up because their workers ended too often", replicas.Sum(replica => replica.HostsGivenUp));
        Report.Add("processes that gave up starting while storage was away", replicas.Sum(replica => replica.StartsGivenUp));
        Report.Add("messages delivered again on purpose", monkey.DuplicatesSent);
        Report.Add("messages of nonsense", monkey.Garbage.Count);
        Report.AddCounts(proxy.Counts);
        Report.Add("blocks copied inside storage", proxy.BlocksCopied);
        Report.Add("batches", ledger.Batches.Count);
        Report.Add("... cancelled", auditor.Cancelled);
        Report.Add("... expired", auditor.Expired);
        Report.Add("... of what had no answer in another", auditor.Retries);
        Report.Add("jobs", ledger.Jobs.Count);
        Report.Add("requests", auditor.Requests);
        Report.Add("results lost", auditor.Lost);
        Report.Add("results doubled", auditor.Doubled);
    }
}
