using Gemma2.Storage.Batches;
using Gemma2.Storage.Jobs;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests.Batches;

/// <summary>Batches that nobody works on are found and queued again, the others are left alone.</summary>
public class BatchSweepTests(AzuriteFixture azurite)
{
    // To this sweep every batch has been quiet for long; to one with a real lease none has.
    private static readonly TimeSpan LongAgo = TimeSpan.FromSeconds(-2);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sweep_SplitWasLost_IsSentAgain()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord batch = await batches.NewAsync("team-a");
        await TakeAllAsync(batches);

        await SweepAsync(batches, LongAgo);

        Assert.Equal([new BatchMessage(batch.Key)], await TakeAllAsync(batches));
    }

    [Fact]
    public async Task Sweep_ChunksWereLost_SendsThoseWithoutResults()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord batch = await batches.BegunAsync(4);
        await batches.Work.Chunks.WriteResultsAsync(batch.Key, 1, [TestBatches.Line(2)], Cancel);
        await TakeAllAsync(batches);

        await SweepAsync(batches, LongAgo);

        Assert.Equal([0, 2, 3], (await TakeAllAsync(batches)).Select(message => message.Chunk!.Index).Order());
    }

    [Fact]
    public async Task Sweep_AllResultsThere_EndsTheBatch()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord batch = await batches.BegunAsync(1);
        await batches.Work.Chunks.WriteResultsAsync(batch.Key, 0, [TestBatches.Line(1)], Cancel);
        await TakeAllAsync(batches);

        await SweepAsync(batches, LongAgo);

        Assert.Equal(BatchStatus.Completed, (await batches.Store.TryReadAsync(batch.Key, Cancel))!.Status);
        Assert.Equal([$"{batch.Key}/batch.json"], await batches.NamesAsync());
    }

    [Fact]
    public async Task Sweep_EndedBatchWithLeftovers_IsCleanedUp()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord batch = await batches.BegunAsync(1);
        await batches.Work.FailAsync(batch.Key, 1, [], Cancel);
        foreach (string name in new[] { $"_active/{batch.Key}", $"{batch.Key}/plan.json", $"{batch.Key}/chunks/00000" })
            await batches.Storage.Blob(StorageNames.Batches, name).UploadAsync(BinaryData.FromString("x"), Cancel);

        await SweepAsync(batches, TestBatches.Lease);

        Assert.Equal([$"{batch.Key}/batch.json"], await batches.NamesAsync());
    }

    [Fact]
    public async Task Sweep_RecentlyChanged_IsLeftAlone()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        await batches.NewAsync();
        await TakeAllAsync(batches);

        await SweepAsync(batches, TestBatches.Lease);

        Assert.Empty(await TakeAllAsync(batches));
    }

    [Fact]
    public async Task Sweep_MessagesAreWaiting_IsLeftAlone()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        await batches.NewAsync();

        await SweepAsync(batches, LongAgo);

        Assert.Single(await TakeAllAsync(batches));
    }

    [Fact]
    public async Task Sweep_ManyProcessesAtOnce_SendOnce()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        await batches.NewAsync();
        await TakeAllAsync(batches);
        // Every sweep reads the marker before any of them changes it.
        using var all = new Barrier(6);
        batches.Storage.Faults.Play(async (_, send) =>
        {
            await send();
            await Task.Run(() => all.SignalAndWait(Cancel), Cancel);
        }, request => request.Uri.Query.Contains("_active", StringComparison.Ordinal));

        await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => SweepAsync(batches, LongAgo)));

        Assert.Single(await TakeAllAsync(batches));
    }

    [Fact]
    public async Task Sweep_ExpiredWhileOthersWait_IsSentAgain()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord batch = await batches.NewAsync();
        await TakeAllAsync(batches);
        await batches.NewAsync();
        await new BatchRecords(batches.Storage.Connection).UpdateAsync(
            batch.Key, record => record.ExpiresAt == record.CreatedAt ? record : record with { ExpiresAt = record.CreatedAt }, Cancel);

        await SweepAsync(batches, LongAgo);

        Assert.Contains(new BatchMessage(batch.Key), await TakeAllAsync(batches));
    }

    [Fact]
    public async Task Sweep_MarkerWithoutBatch_IsKeptWhileItsBatchMayCome()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        await batches.Storage.Blob(StorageNames.Batches, "_active/batch_1").UploadAsync(BinaryData.FromString(""), Cancel);
        await batches.Storage.Blob(StorageNames.Batches, "_active/no key").UploadAsync(BinaryData.FromString(""), Cancel);

        await SweepAsync(batches, LongAgo);

        Assert.Equal(["_active/batch_1", "_active/no key"], await batches.NamesAsync());
    }

    [Fact]
    public async Task Sweep_OneBatchCannotBeRead_LooksAfterTheOthers()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord broken = await batches.NewAsync();
        BatchRecord good = await batches.NewAsync();
        await TakeAllAsync(batches);
        await batches.Storage.Blob(StorageNames.Batches, $"{broken.Key}/batch.json").UploadAsync(BinaryData.FromString("x"), overwrite: true, Cancel);
        var failed = new List<OwnedId>();

        await new BatchSweep(batches.Storage.Connection, batches.Work, LongAgo).RunAsync((key, _) => failed.Add(key), Cancel);

        Assert.Equal([broken.Key], failed);
        Assert.Equal([new BatchMessage(good.Key)], await TakeAllAsync(batches));
    }

    private static Task SweepAsync(TestBatches batches, TimeSpan lease) =>
        new BatchSweep(batches.Storage.Connection, batches.Work, lease).RunAsync((key, error) => Assert.Fail($"{key}: {error.Message}"), Cancel);

    private static async Task<IReadOnlyList<BatchMessage>> TakeAllAsync(TestBatches batches)
    {
        var messages = new List<BatchMessage>();
        foreach (QueueLease lease in await batches.Work.Messages.ReceiveAsync(32, TimeSpan.FromHours(1), Cancel))
        {
            messages.Add(BatchMessage.Parse(lease.ReadText()));
            await lease.CompleteAsync(Cancel);
        }
        return messages;
    }
}
