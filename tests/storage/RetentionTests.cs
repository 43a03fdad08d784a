using Gemma2.Storage.Batches;
using Gemma2.Storage.Tests.Batches;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests;

public class RetentionTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Run_Old_DeletesAllButActiveBatchesTheirInputsAndModels()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord active = await batches.BegunAsync(1, "team-a");
        BatchRecord ended = await batches.NewAsync("team-a");
        await batches.Work.FailAsync(ended.Key, 0, [], Cancel);
        await batches.UploadAsync();
        foreach (string container in new[] { StorageNames.Requests, StorageNames.Jobs, StorageNames.Completions, StorageNames.Responses, StorageNames.DeadLetters, StorageNames.Models })
            await batches.Storage.Blob(container, "team-a/x.json").UploadAsync(BinaryData.FromString("{}"), Cancel);

        // By storage's clock everything is older than this.
        int deleted = await new Retention(batches.Storage.Connection).RunAsync(TimeSpan.FromSeconds(-2), Cancel);

        Assert.Equal(5 + 2 + 1, deleted);
        Assert.Equal([$"team-a/{active.InputFileId}"], await batches.NamesAsync(StorageNames.Files));
        Assert.Equal(
            [$"_active/{active.Key}", $"{active.Key}/batch.json", $"{active.Key}/plan.json"],
            (await batches.NamesAsync()).Order(StringComparer.Ordinal));
        Assert.Equal(["team-a/x.json"], await batches.NamesAsync(StorageNames.Models));
        Assert.Empty(await batches.NamesAsync(StorageNames.Completions));
        Assert.NotNull(await batches.Store.TryReadAsync(active.Key, Cancel));
    }

    [Fact]
    public async Task DeleteExpired_FilesOfAllKinds_DeletesThoseWhoseTimeIsOverAndThatNobodyNeeds()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        BatchRecord active = await batches.BegunAsync(1, "team-a");
        string kept = await batches.UploadAsync(lifetime: TimeSpan.FromHours(1)), forever = await batches.UploadAsync();
        await batches.UploadAsync("team-a", lifetime: TimeSpan.Zero);
        await batches.Storage.Blob(StorageNames.Files, $"team-a/{active.InputFileId}").SetMetadataAsync(
            new Dictionary<string, string> { ["name"] = "eA==", ["purpose"] = "batch", ["lifetime"] = "0" }, cancellationToken: Cancel);

        Assert.Equal(0, await new Retention(batches.Storage.Connection).DeleteExpiredAsync(Cancel));
        int deleted = await new Retention(batches.Storage.Connection) { ExpiryMargin = TimeSpan.FromSeconds(-2) }.DeleteExpiredAsync(Cancel);

        Assert.Equal(1, deleted);
        Assert.Equal([kept, forever, $"team-a/{active.InputFileId}"], await batches.NamesAsync(StorageNames.Files));
    }

    [Fact]
    public async Task Run_Young_KeepsAll()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        await batches.UploadAsync();
        await batches.Storage.Blob(StorageNames.Completions, "x.json").UploadAsync(BinaryData.FromString("{}"), Cancel);

        Assert.Equal(0, await new Retention(batches.Storage.Connection).RunAsync(TimeSpan.FromDays(1), Cancel));
    }

    [Fact]
    public async Task Run_ChangedSinceItWasListed_IsKept()
    {
        TestBatches batches = await TestBatches.CreateAsync(azurite);
        await batches.Storage.Blob(StorageNames.Jobs, "x.json").UploadAsync(BinaryData.FromString("old"), Cancel);
        batches.Storage.Faults.Play(async (_, send) =>
        {
            await batches.Storage.Blob(StorageNames.Jobs, "x.json").UploadAsync(BinaryData.FromString("new"), overwrite: true, Cancel);
            await send();
        }, request => request.Method.Method == "DELETE");

        Assert.Equal(0, await new Retention(batches.Storage.Connection).RunAsync(TimeSpan.FromSeconds(-2), Cancel));
        Assert.Equal(["x.json"], await batches.NamesAsync(StorageNames.Jobs));
    }
}
