using System.Text;
using Gemma2.Chaos.Tests.Audit;
using Gemma2.Chaos.Tests.Faults;
using Gemma2.Chaos.Tests.Processes;
using Gemma2.Storage;
using Gemma2.Testing;

namespace Gemma2.Chaos.Tests;

/// <summary>Makes trouble: each kind once in a random order, then again in another one.</summary>
internal sealed class Monkey(
    bool isHosted, IReadOnlyList<Replica> replicas, AzuriteProcess azurite, FaultProxy proxy, Account account, Workload work, int seed)
{
    private const int MostDuplicates = 8;

    private const string NotBase64 = "not base64!";

    private static readonly string[] Nonsense =
    [
        NotBase64, "", "not JSON", "{}", "[[[[",
        """{"id":"../../x","request":{}}""", """{"id":"x"}""", """{"batch":"../x"}""", """{"batch":"batch_1","chunk":{}}""",
    ];

    private static readonly Trouble[] OfWorkers = [Trouble.KillWorker, Trouble.KillBoth];

    // What happens more often than once a round.
    private static readonly Trouble[] Again = [Trouble.Kill, Trouble.Kill, Trouble.Term, Trouble.Duplicates];

    private readonly Trouble[] _kinds = [.. Enum.GetValues<Trouble>().Where(trouble => isHosted || !OfWorkers.Contains(trouble))];
    private readonly Random _random = new(seed);
    private readonly List<string> _garbage = [];
    private readonly Dictionary<Trouble, int> _counts = [];

    /// <summary>What it has done so far.</summary>
    public IReadOnlyDictionary<Trouble, int> Counts => _counts;

    /// <summary>Messages that it has sent again.</summary>
    public int DuplicatesSent { get; private set; }

    /// <summary>What is in the messages of nonsense that it has sent, as dead letters must have it.</summary>
    public IReadOnlyList<string> Garbage => _garbage;

    /// <summary>Makes trouble until it is told to stop, and not before each kind was made.</summary>
    public async Task RunAsync(CancellationToken stop, CancellationToken cancellationToken)
    {
        do
        {
            foreach (Trouble trouble in Shuffled())
            {
                if (stop.IsCancellationRequested && _counts.Count == _kinds.Length) return;
                await Task.Delay(Seconds(0.5, 2.5), cancellationToken);
                await MakeAsync(trouble, cancellationToken);
                _counts[trouble] = _counts.GetValueOrDefault(trouble) + 1;
            }
        }
        while (true);
    }

    private Trouble[] Shuffled()
    {
        Trouble[] round = [.. _kinds, .. Again];
        _random.Shuffle(round);
        return round;
    }

    private Task MakeAsync(Trouble trouble, CancellationToken cancellationToken) => trouble switch
    {
        Trouble.Kill => KillAsync(cancellationToken),
        Trouble.KillWorker => KillWorkerAsync(cancellationToken),
        Trouble.KillBoth => KillBothAsync(cancellationToken),
        Trouble.Term => TermAsync(cancellationToken),
        Trouble.Pause => PauseAsync(cancellationToken),
        Trouble.StorageRestart => RestartStorageAsync(cancellationToken),
        Trouble.Burst => BurstAsync(cancellationToken),
        Trouble.Duplicates => SendDuplicatesAsync(cancellationToken),
        Trouble.Garbage => SendGarbageAsync(cancellationToken),
        Trouble.Expire => work.ExpireABatchAsync(cancellationToken),
        _ => work.CancelABatchAsync(cancellationToken),
    };

    private async Task KillAsync(CancellationToken cancellationToken) => (await WorkingReplicaAsync(cancellationToken)).Kill();

    private async Task KillWorkerAsync(CancellationToken cancellationToken) => (await WorkingReplicaAsync(cancellationToken)).KillWorker();

    private async Task KillBothAsync(CancellationToken cancellationToken) => (await WorkingReplicaAsync(cancellationToken)).KillBoth();

    private async Task TermAsync(CancellationToken cancellationToken) => await (await WorkingReplicaAsync(cancellationToken)).TermAsync(cancellationToken);

    private async Task PauseAsync(CancellationToken cancellationToken) =>
        await (await WorkingReplicaAsync(cancellationToken)).PauseAsync(Seconds(6, 12), cancellationToken);

    private async Task RestartStorageAsync(CancellationToken cancellationToken)
    {
        await proxy.SeverAsync(cancellationToken);
        await azurite.StopAsync();
        await Task.Delay(Seconds(0.2, 3), cancellationToken);
        await azurite.StartAsync();
        proxy.Mend();
    }

    private async Task BurstAsync(CancellationToken cancellationToken)
    {
        FaultRates usual = proxy.Rates;
        proxy.Rates = FaultRates.Terrible;
        await Task.Delay(Seconds(1, 4), cancellationToken);
        proxy.Rates = usual;
        proxy.CopiesBlocks = !proxy.CopiesBlocks;
    }

    private async Task SendDuplicatesAsync(CancellationToken cancellationToken)
    {
        (string Queue, string Text)[] sent = [.. proxy.Messages];
        for (int i = 0; i < MostDuplicates && sent.Length > 0; i++)
        {
            (string queue, string text) = sent[_random.Next(sent.Length)];
            await account.Queue(queue).SendMessageAsync(text, cancellationToken);
            DuplicatesSent++;
        }
    }

    private async Task SendGarbageAsync(CancellationToken cancellationToken)
    {
        foreach (string queue in (string[])[StorageNames.CompletionRequests, StorageNames.BatchRequests])
        {
            string text = Nonsense[_random.Next(Nonsense.Length)];
            _garbage.Add(text);
            await account.Queue(queue).SendMessageAsync(text == NotBase64 ? text : Convert.ToBase64String(Encoding.UTF8.GetBytes(text)), cancellationToken);
        }
    }

    /// <summary>One that has loaded its model: one that is never let start would prove nothing.</summary>
    private async Task<Replica> WorkingReplicaAsync(CancellationToken cancellationToken)
    {
        Replica replica = replicas[_random.Next(replicas.Count)];
        await replica.WaitUntilReadyAsync(cancellationToken);
        return replica;
    }

    private TimeSpan Seconds(double least, double most) => TimeSpan.FromSeconds(least + (most - least) * _random.NextDouble());
}
