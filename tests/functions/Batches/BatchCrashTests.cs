using System.Globalization;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests.Batches;

/// <summary>Workers die after each call to storage in turn, and the next goes on: the files are always those of a quiet run, to the byte.</summary>
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
    public async Task Worker_DiesAfterEachCallInTurn_MakesTheFilesOfAQuietRun()
    {
        BatchAccount quiet = await BatchAccount.CreateAsync(azurite.NewConnectionString());
        BatchRecord made = await quiet.StartAsync("team-a", Input);
        IReadOnlyList<(string, string, BinaryData, IDictionary<string, string>)> start = await quiet.SnapshotAsync();
        (BatchRecord expected, string output, string errors, int calls) = await RunAsync(quiet, made, dieAfter: int.MaxValue);
        Assert.Equal((BatchStatus.Completed, new BatchCounts(7, 4, 3)), (expected.Status, expected.Counts));
        Assert.True(expected.ChunkCount > 1, $"The batch has {expected.ChunkCount} chunks.");

        // Two at a time: the emulator is the slower part.
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = Cancel };
        await Parallel.ForAsync(1, calls + 1, parallel, async (dieAfter, _) =>
        {
            BatchAccount account = await BatchAccount.CreateAsync(azurite.NewConnectionString());
            await account.RestoreAsync(start, made.Key);

            (BatchRecord batch, string itsOutput, string itsErrors, int itsCalls) = await RunAsync(account, made, dieAfter);

            string when = string.Create(CultureInfo.InvariantCulture, $"dead after call {dieAfter} of {calls}");
            Assert.True(itsCalls >= dieAfter, when);
            Assert.True((batch.Status, batch.Counts, batch.Usage) == (expected.Status, expected.Counts, expected.Usage), $"{when}: {batch}");
            Assert.True((batch.OutputFileId, batch.ErrorFileId) == (expected.OutputFileId, expected.ErrorFileId), when);
            Assert.True(itsOutput == output, $"{when}: {itsOutput}");
            Assert.True(itsErrors == errors, $"{when}: {itsErrors}");
            Assert.Equal([$"{made.Key}/batch.json"], await account.NamesAsync(StorageNames.Batches));
            Assert.Equal(3, (await account.NamesAsync(StorageNames.Files)).Count);
        });
    }

    /// <summary>Works on the batch to its end, by a worker that dies once.</summary>
    private static async Task<(BatchRecord Batch, string Output, string Errors, int Calls)> RunAsync(BatchAccount account, BatchRecord made, int dieAfter)
    {
        var transport = new FaultTransport();
        int calls = 0;
        bool dead = false;
        transport.Play(async (_, send) =>
        {
            int call = Interlocked.Increment(ref calls);
            if (call <= dieAfter)
                await send();
            if (call < dieAfter)
                return;
            Volatile.Write(ref dead, true);
            throw new WorkerDiedException();
        }, _ => true);
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { AnswerTo = request => $"{request.Sampling.Seed}" };
        BatchRig first = await BatchRig.CreateAsync(account, engine, transport);
        while (!dead && await first.DeliverAsync(() => dead) > 0)
        {
        }

        // Another process takes over; what the first one had in hand is delivered again.
        BatchRig second = await BatchRig.CreateAsync(account, engine);
        await second.DrainAsync();
        BatchRecord batch = (await account.Store.TryReadAsync(made.Key, Cancel))!;
        return (batch, await account.ReadTextAsync(batch, batch.OutputFileId), await account.ReadTextAsync(batch, batch.ErrorFileId), calls);
    }

    private sealed class WorkerDiedException() : Exception("The worker has died.");
}
