using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests.Batches;

/// <summary>Which batch goes first where several wait, and that none waits for ever.</summary>
public sealed class BatchTurnsTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Small_BehindAHugeOne_IsDoneLongBeforeIt()
    {
        BatchAccount account = await NewAccountAsync();
        ScriptedEngine engine = NewEngine();
        BatchRig rig = await BatchRig.CreateAsync(account, engine);
        BatchRecord huge = await StartAsync(account, "24h", 40, "first");
        await rig.DeliverAsync();
        BatchRecord small = await StartAsync(account, "24h", 2, "second");

        await rig.DrainAsync();

        await AssertDoneAsync(account, huge, small);
        Assert.InRange(RunBefore(engine, "second", "first"), 0, 2);
        Assert.Equal(42, engine.Generations);
    }

    [Theory]
    [InlineData("24h", "1h")]
    [InlineData("7d", "1d")]
    public async Task DueSooner_OfTheSameLength_EndsFirst(string first, string second)
    {
        BatchAccount account = await NewAccountAsync();
        ScriptedEngine engine = NewEngine();
        BatchRig rig = await BatchRig.CreateAsync(account, engine);
        BatchRecord later = await StartAsync(account, first, 16, "first");
        await rig.DeliverAsync();
        BatchRecord sooner = await StartAsync(account, second, 16, "second");

        await rig.DrainAsync();

        await AssertDoneAsync(account, later, sooner);
        Assert.InRange(RunBefore(engine, "second", "first"), 0, 7);
        Assert.Equal(32, engine.Generations);
    }

    [Fact]
    public async Task Huge_WhileUrgentOnesComeAllTheTime_GoesOn()
    {
        BatchAccount account = await NewAccountAsync();
        ScriptedEngine engine = NewEngine();
        BatchRig rig = await BatchRig.CreateAsync(account, engine);
        BatchRecord huge = await StartAsync(account, "7d", 10, "first");
        await rig.DeliverAsync();
        var urgent = new List<BatchRecord>();
        rig.BeforeDelivery = async () => urgent.Add(await StartAsync(account, "1h", 3, "second"));

        while (!(await account.Store.TryReadAsync(huge.Key, Cancel))!.HasEnded)
            Assert.NotEqual(0, await rig.DeliverAsync());
        rig.BeforeDelivery = () => Task.CompletedTask;
        await rig.DrainAsync();

        // Each message of its own was worked on when it came, though what came before each would have filled all the time.
        Assert.InRange(urgent.Count, 10, 12);
        await AssertDoneAsync(account, [huge, .. urgent]);
    }

    [Fact]
    public async Task MoreUrgentBatch_CannotBeRead_HoldsNobodyUp()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRig rig = await BatchRig.CreateAsync(account, NewEngine());
        BatchRecord good = await StartAsync(account, "24h", 6, "first"), broken = await StartAsync(account, "1h", 2, "second");
        await rig.DeliverAsync();
        var plan = new Azure.Storage.Blobs.BlobClient(account.ConnectionString, StorageNames.Batches, $"{broken.Key}/plan.json");
        await plan.UploadAsync(BinaryData.FromString("x"), overwrite: true, Cancel);

        await rig.DrainAsync();

        await AssertDoneAsync(account, good);
    }

    [Fact]
    public async Task NewBatch_ThatAnotherWorkerSplits_IsLeftToIt()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRig rig = await BatchRig.CreateAsync(account, NewEngine(), lease: TimeSpan.FromMinutes(1));
        BatchRecord batch = await StartAsync(account, "24h", 2, "first");
        ActiveBatch marker = (await rig.Work.Markers.TryReadAsync(batch.Key, Cancel))!;

        Assert.True(await rig.Work.Markers.TryBeginSplitAsync(marker, Cancel));
        Assert.False(await rig.Work.Markers.TryBeginSplitAsync(marker, Cancel));

        ActiveBatch now = Assert.Single(await rig.Work.Markers.ListAsync(Cancel));
        Assert.Equal((batch.Key, true, 0), (now.Key, now.IsBeingSplit, now.Chunks));
        Assert.False(rig.Work.MayBeSplit(now, rig.Work.UtcNow + TimeSpan.FromSeconds(50)));
        Assert.True(rig.Work.MayBeSplit(now, rig.Work.UtcNow + TimeSpan.FromSeconds(70)));
        Assert.InRange(rig.Work.SplitBusyFor(now), TimeSpan.FromSeconds(50), TimeSpan.FromSeconds(62));
    }

    [Fact]
    public async Task Marker_OfABatchThatWasNeverStored_IsLeftAloneAfterItsWindow()
    {
        BatchAccount account = await NewAccountAsync();
        var marker = new Azure.Storage.Blobs.BlobClient(account.ConnectionString, StorageNames.Batches, "_active/batch_gone");
        await marker.UploadAsync(BinaryData.FromString(""), new Azure.Storage.Blobs.Models.BlobUploadOptions { Metadata = new Dictionary<string, string> { ["expires"] = "1700000000" } }, Cancel);
        BatchRecord batch = await StartAsync(account, "24h", 3, "first");

        await (await BatchRig.CreateAsync(account, NewEngine())).DrainAsync();

        await AssertDoneAsync(account, batch);
        Assert.Equal(["expires"], (await marker.GetPropertiesAsync(cancellationToken: Cancel)).Value.Metadata.Keys);
    }

    /// <summary>A batch whose chunks have one line each, which all ask for a word.</summary>
    private static Task<BatchRecord> StartAsync(BatchAccount account, string window, int chunks, string word) => account.OrderAsync(
        new NewBatch(null, BatchAccount.Endpoint, "", window), Enumerable.Range(0, chunks).Select(i => BatchAccount.Line($"{i}", word, ",\"max_tokens\":470")));

    private static async Task AssertDoneAsync(BatchAccount account, params BatchRecord[] batches)
    {
        foreach (BatchRecord batch in batches)
        {
            BatchRecord now = (await account.Store.TryReadAsync(batch.Key, Cancel))!;
            Assert.Equal((BatchStatus.Completed, now.Counts.Total), (now.Status, now.Counts.Completed));
        }
    }

    /// <summary>How many lines with one word were run before the last with another.</summary>
    private static int RunBefore(ScriptedEngine engine, string last, string before)
    {
        bool[] isOfTheLast = [.. engine.Requests.Select(request => request.PromptTokens.Contains(Vocabulary.Tokenizer.Encode(last)[^1]))];
        Assert.Contains(isOfTheLast, wanted => wanted);
        Assert.Contains(engine.Requests, request => request.PromptTokens.Contains(Vocabulary.Tokenizer.Encode(before)[^1]));
        return isOfTheLast[..Array.LastIndexOf(isOfTheLast, true)].Count(wanted => !wanted);
    }

    private Task<BatchAccount> NewAccountAsync() => BatchAccount.CreateAsync(azurite.NewConnectionString());

    private static ScriptedEngine NewEngine() => new(Vocabulary.Tokenizer);
}
