using System.Globalization;
using System.Text.Json;
using Gemma2.Functions.Tests.Jobs;
using Gemma2.Service.Options;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests.Batches;

/// <summary>
/// A worker dies, or storage goes away, after each call to storage in turn, and the work goes on: the files are always those of a quiet run, to the byte.
/// </summary>
public sealed class BatchCrashTests(AzuriteFixture azurite)
{
    private static readonly string[] Input =
    [
        BatchAccount.Line("a", more: ",\"max_tokens\":300"),
        BatchAccount.Line("b", more: ",\"max_tokens\":300"),
        "no JSON",
        BatchAccount.Line("c", more: ",\"max_tokens\":300"),
        "",
        BatchAccount.Line("a"),
        BatchAccount.Line("d", more: ",\"max_tokens\":10000"),
        BatchAccount.Line("e"),
    ];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public Task Worker_DiesAfterEachCallInTurn_MakesTheFilesOfAQuietRun() => RunAllAsync(1, async (account, engine, at) =>
    {
        var death = new Death(at);
        await death.WorkUntilAsync(await BatchRig.CreateAsync(account, engine, death.Transport));
        // Another process takes over; what the first one had in hand is delivered again.
        BatchRig second = await BatchRig.CreateAsync(account, engine);
        await second.DrainAsync();
        return death.Calls;
    });

    [Fact]
    public Task Storage_GoesAwayAfterEachCallInTurn_MakesTheFilesOfAQuietRun() => RunAllAsync(2, async (account, engine, at) =>
    {
        var transport = new FaultTransport();
        int calls = 0;
        bool back = false;
        transport.Play(async (message, send) =>
        {
            int call = Interlocked.Increment(ref calls);
            if (call < at || Volatile.Read(ref back))
                await send();
            else
                await FaultTransport.LoseReply(message, call == at ? send : () => ValueTask.CompletedTask);
        }, _ => true);
        BatchRig worker = await BatchRig.CreateAsync(account, engine, transport);
        // What the worker makes of it is a new message; storage is back when that is delivered.
        worker.Delivered = () => back = calls >= at;
        await worker.DrainAsync();
        return calls;
    });

    [Fact]
    public async Task Worker_DiesBetweenTwoBatchesAndTheirEvents_LosesAndDoublesNothing()
    {
        const int step = 3;
        await using CallbackReceiver receiver = await CallbackReceiver.StartAsync();
        BatchAccount quiet = await BatchAccount.CreateAsync(azurite.NewConnectionString());
        BatchRecord[] made =
        [
            await quiet.OrderAsync(Order("24h"), Enumerable.Range(0, 4).Select(i => BatchAccount.Line($"{i}", more: ",\"max_tokens\":470"))),
            await quiet.OrderAsync(Order("1h"), Enumerable.Range(0, 2).Select(i => BatchAccount.Line($"{i}", "Hello", ",\"max_tokens\":470"))),
        ];
        IReadOnlyList<(string, string, BinaryData, IDictionary<string, string>)> start = await quiet.SnapshotAsync();
        int calls = await WorkAsync(quiet, int.MaxValue);
        string[] expected = await OutputsAsync(quiet);
        Assert.Equal(2, receiver.Requests.Count);

        for (int fault = 1; fault < calls; fault += step)
        {
            BatchAccount account = await BatchAccount.CreateAsync(azurite.NewConnectionString());
            foreach (BatchRecord batch in made)
                await account.RestoreAsync(batch == made[0] ? start : [], batch.Key);
            int told = receiver.Requests.Count;

            await WorkAsync(account, fault);

            string when = string.Create(CultureInfo.InvariantCulture, $"fault at call {fault} of {calls}");
            Assert.Equal(expected, await OutputsAsync(account));
            Assert.True((await account.NamesAsync(StorageNames.Batches)).SequenceEqual(made.Select(batch => $"{batch.Key}/batch.json").Order(StringComparer.Ordinal)), when);
            string[] events = [.. receiver.Requests.Skip(told).Select(request => JsonElement.Parse(request.Body).GetProperty("id").GetString()!)];
            // A copy is told under the same id.
            Assert.True(events.Distinct().Count() == 2, $"{when}: {string.Join(' ', events)}");
        }

        NewBatch Order(string window) => new(null, BatchAccount.Endpoint, "", window, CallbackUrl: new Uri(receiver.Url()));

        async Task<string[]> OutputsAsync(BatchAccount account)
        {
            var outputs = new List<string>();
            foreach (BatchRecord batch in made)
            {
                BatchRecord now = (await account.Store.TryReadAsync(batch.Key, Cancel))!;
                outputs.Add($"{now.Status} {now.Counts} {now.Usage} {now.CallbackOutcome} {await account.ReadTextAsync(now, now.OutputFileId)}");
            }
            return [.. outputs];
        }
    }

    /// <summary>A worker that dies after some calls, and another that goes on; gives the number of calls.</summary>
    private static async Task<int> WorkAsync(BatchAccount account, int at)
    {
        var death = new Death(at);
        await death.WorkUntilAsync(await BatchRig.CreateAsync(account, NewEngine(), death.Transport, configure: AllowCallbacks));
        BatchRig second = await BatchRig.CreateAsync(account, NewEngine(), configure: AllowCallbacks);
        await second.DrainAsync();
        // Nobody may be left to be told, whose message was lost with the first one.
        await new BatchSweep(account.Connection, second.Work, TimeSpan.FromSeconds(-2)).RunAsync((_, error) => throw error, Cancel);
        await second.DrainAsync();
        return death.Calls;
    }

    private static Gemma2Options AllowCallbacks(Gemma2Options options) => options with { CallbackHosts = ["*.example.com"] };

    /// <summary>Works on the same batch again and again, in accounts of their own, with the fault at each <paramref name="step"/>-th call.</summary>
    /// <param name="step">1 for every call.</param>
    /// <param name="work">Works on the account's batch to its end, with a fault at a call, and gives the number of calls.</param>
    private async Task RunAllAsync(int step, Func<BatchAccount, ScriptedEngine, int, Task<int>> work)
    {
        BatchAccount quiet = await BatchAccount.CreateAsync(azurite.NewConnectionString());
        BatchRecord made = await quiet.StartAsync("team-a", Input);
        IReadOnlyList<(string, string, BinaryData, IDictionary<string, string>)> start = await quiet.SnapshotAsync();
        int calls = await work(quiet, NewEngine(), int.MaxValue);
        BatchRecord expected = (await quiet.Store.TryReadAsync(made.Key, Cancel))!;
        string output = await quiet.ReadTextAsync(expected, expected.OutputFileId);
        string errors = await quiet.ReadTextAsync(expected, expected.ErrorFileId);
        Assert.Equal((BatchStatus.Completed, new BatchCounts(7, 4, 3)), (expected.Status, expected.Counts));
        Assert.True(expected.ChunkCount > 1, $"The batch has {expected.ChunkCount} chunks.");
        Assert.True(calls > 50, $"A quiet run has {calls} calls.");

        // Two at a time: the emulator is the slower part.
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = Cancel };
        await Parallel.ForAsync(1, calls / step + 1, parallel, async (fault, _) =>
        {
            BatchAccount account = await BatchAccount.CreateAsync(azurite.NewConnectionString());
            await account.RestoreAsync(start, made.Key);

            await work(account, NewEngine(), fault * step);

            string when = string.Create(CultureInfo.InvariantCulture, $"fault at call {fault * step} of {calls}");
            BatchRecord batch = (await account.Store.TryReadAsync(made.Key, Cancel))!;
            Assert.True((batch.Status, batch.Counts, batch.Usage) == (expected.Status, expected.Counts, expected.Usage), $"{when}: {batch}");
            Assert.True((batch.OutputFileId, batch.ErrorFileId) == (expected.OutputFileId, expected.ErrorFileId), when);
            Assert.True(await account.ReadTextAsync(batch, batch.OutputFileId) == output, when);
            Assert.True(await account.ReadTextAsync(batch, batch.ErrorFileId) == errors, when);
            Assert.True((await account.NamesAsync(StorageNames.Batches)).SequenceEqual([$"{made.Key}/batch.json"]), when);
            Assert.True((await account.NamesAsync(StorageNames.Files)).Count == 3, when);
        });
    }

    private static ScriptedEngine NewEngine() => new(Vocabulary.Tokenizer) { AnswerTo = request => $"{request.Sampling.Seed}" };

    /// <summary>The end of a worker when it makes a call to storage: that one may have taken effect, no later one does.</summary>
    private sealed class Death
    {
        private int _calls;
        private bool _hasCome;

        /// <param name="at">The number of the call, from 1.</param>
        public Death(int at) => Transport.Play(async (_, send) =>
        {
            int call = Interlocked.Increment(ref _calls);
            if (call <= at)
                await send();
            if (call < at)
                return;
            Volatile.Write(ref _hasCome, true);
            throw new WorkerDiedException();
        }, _ => true);

        public FaultTransport Transport { get; } = new();

        public int Calls => _calls;

        /// <summary>Lets a worker on this transport work as far as it gets.</summary>
        public async Task WorkUntilAsync(BatchRig worker)
        {
            while (!_hasCome && await worker.DeliverAsync(() => _hasCome) > 0)
            {
            }
        }
    }

    private sealed class WorkerDiedException() : Exception("The worker has died.");
}
