using System.Text.Json;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Queues;
using Gemma2.Storage.Jobs;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests.Jobs;

/// <summary>Jobs whose message was lost are found and queued again, the others are left alone.</summary>
public class JobSweepTests(AzuriteFixture azurite)
{
    // To this sweep every job has been quiet for long; to one with a real lease none has.
    private static readonly TimeSpan LongAgo = TimeSpan.FromSeconds(-2);

    private static readonly OwnedId Key = new("team-a", "job-1");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sweep_QueueWasCleared_QueuesTheJobAgain()
    {
        TestStorage storage = await SubmittedAsync();
        await ClearAsync(storage);

        Assert.Equal([Key], await SweepAsync(storage, LongAgo));

        QueueLease message = Assert.Single(await new JobWork(storage.Connection).Messages.ReceiveAsync(32, TimeSpan.FromMinutes(1), Cancel));
        JobMessage read = JobMessage.Parse(message.ReadText());
        Assert.Equal("Hi", (await new JobWork(storage.Connection).ReadJobAsync(read, Cancel)).Request.GetProperty("prompt").GetString());
    }

    [Fact]
    public async Task Sweep_ManyAtOnce_SendOnce()
    {
        TestStorage storage = await SubmittedAsync();
        await ClearAsync(storage);
        // Every sweep reads the marker before any of them changes it.
        using var all = new Barrier(4);
        storage.Faults.Play(async (_, send) =>
        {
            await send();
            await Task.Run(() => all.SignalAndWait(Cancel), Cancel);
        }, request => request.Uri.Query.Contains("_active", StringComparison.Ordinal));

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => SweepAsync(storage, LongAgo)));

        Assert.Equal(1, await CountAsync(storage));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Sweep_MessageIsThere_LeavesTheJobAlone(bool isTaken)
    {
        TestStorage storage = await SubmittedAsync();
        if (isTaken) await new JobWork(storage.Connection).Messages.ReceiveAsync(1, TimeSpan.FromMinutes(1), Cancel);

        Assert.Empty(await SweepAsync(storage, LongAgo));
        Assert.Equal(1, await CountAsync(storage));
    }

    [Fact]
    public async Task Sweep_MessageOfAnotherJobIsThere_QueuesTheLostOneAgain()
    {
        TestStorage storage = await SubmittedAsync();
        await ClearAsync(storage);
        await new JobStore(storage.Connection).SubmitAsync(Job(Key with { Id = "job-2" }), Cancel);

        // By its clock the wait of a retry is over too.
        Assert.Contains(Key, await SweepAsync(storage, TimeSpan.FromMinutes(-5)));
    }

    [Fact]
    public async Task Sweep_RecentlyNoted_IsLeftAlone()
    {
        TestStorage storage = await SubmittedAsync();
        await ClearAsync(storage);
        Assert.True(await new JobWork(storage.Connection).TryNoteWorkAsync(Key, Cancel));

        Assert.Empty(await SweepAsync(storage, TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task Sweep_JobHasItsResult_ForgetsIt()
    {
        TestStorage storage = await SubmittedAsync();
        await ClearAsync(storage);
        await new ResultStore(storage.Connection).WriteOnceAsync(Key, JobStatus.Succeeded, "{}"u8.ToArray(), Cancel);

        Assert.Empty(await SweepAsync(storage, LongAgo));

        Assert.DoesNotContain(await NamesAsync(storage), name => name.StartsWith("_active", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Sweep_RequestIsNotFound_DeletesNothing()
    {
        TestStorage storage = await SubmittedAsync();
        await ClearAsync(storage);
        await storage.Blob(StorageNames.Requests, $"{Key}.json").DeleteAsync(cancellationToken: Cancel);

        Assert.Empty(await SweepAsync(storage, LongAgo));

        Assert.Contains($"_active/{Key}", await NamesAsync(storage));
    }

    [Fact]
    public async Task Cancel_Job_IsNotLookedAfterAnyMoreUntilItIsQueuedAnew()
    {
        TestStorage storage = await SubmittedAsync();
        var jobs = new JobStore(storage.Connection);

        await jobs.CancelAsync(Key, Cancel);
        Assert.DoesNotContain($"_active/{Key}", await NamesAsync(storage));

        await jobs.RequeueAsync(Key, Cancel);
        Assert.Contains($"_active/{Key}", await NamesAsync(storage));
    }

    private static CompletionJob Job(OwnedId key) => new(key, "nano", JsonElement.Parse("""{"prompt":"Hi"}"""));

    private static async Task<IReadOnlyList<OwnedId>> SweepAsync(TestStorage storage, TimeSpan lease)
    {
        var again = new List<OwnedId>();
        await new JobSweep(storage.Connection, lease).RunAsync(again.Add, Cancel);
        return again;
    }

    private static async Task ClearAsync(TestStorage storage) => await new QueueClient(storage.ConnectionString, StorageNames.CompletionRequests).ClearMessagesAsync(Cancel);

    private static Task<int> CountAsync(TestStorage storage) => new JobQueue(storage.Connection, StorageNames.CompletionRequests).CountAsync(Cancel);

    private static async Task<IReadOnlyList<string>> NamesAsync(TestStorage storage)
    {
        var names = new List<string>();
        await foreach (BlobItem blob in storage.Blobs.GetBlobContainerClient(StorageNames.Jobs).GetBlobsAsync(cancellationToken: Cancel)) names.Add(blob.Name);
        return names;
    }

    private async Task<TestStorage> SubmittedAsync()
    {
        var storage = new TestStorage(azurite);
        await StorageProvisioning.EnsureCreatedAsync(storage.Connection, Cancel);
        await new JobStore(storage.Connection).SubmitAsync(Job(Key), Cancel);
        return storage;
    }
}
