using System.Text;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Storage.Jobs;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests.Jobs;

public class CompletionQueueTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(10, false)]
    [InlineData(49_000, false)]
    [InlineData(49_152, true)]
    [InlineData(3_000_000, true)]
    public async Task Submit_AnyLength_ComesOutAsItWentIn(int promptLength, bool throughBlob)
    {
        var (storage, queue) = await NewQueueAsync();
        CompletionJob job = Job("job-1", new string('x', promptLength));

        await queue.SubmitAsync(job, Cancel);

        string text = await TakeTextAsync(queue);
        CompletionJob taken = await queue.ReadJobAsync(text, Cancel);
        Assert.Equal((job.Key, job.Model, job.Request.GetRawText()), (taken.Key, taken.Model, taken.Request.GetRawText()));
        Assert.Equal(throughBlob, (await storage.Blob("requests", "job-1.json").ExistsAsync(Cancel)).Value);
        Assert.Equal(throughBlob, text == """{"id":"job-1","requestBlob":"requests/job-1.json"}""");
    }

    [Fact]
    public async Task Submit_LongJobWithEveryReplyLostOnce_Arrives()
    {
        var (storage, queue) = await NewQueueAsync();
        CompletionJob job = Job("job-1", new string('x', 100_000));
        var seen = new HashSet<string>();
        storage.Faults.Play(FaultTransport.LoseReply, request => request.Method.Method is "PUT" or "POST" && seen.Add(request.Uri.ToString()));

        await queue.SubmitAsync(job, Cancel);

        Assert.Equal(job.Request.GetRawText(), (await queue.ReadJobAsync(await TakeTextAsync(queue), Cancel)).Request.GetRawText());
    }

    [Fact]
    public async Task Submit_SameLongJobTwice_IsFine()
    {
        var (_, queue) = await NewQueueAsync();
        await queue.SubmitAsync(Job("job-1", new string('x', 100_000)), Cancel);

        await queue.SubmitAsync(Job("job-1", new string('x', 100_000)), Cancel);

        Assert.Equal(2, (await queue.Messages.ReceiveAsync(32, TimeSpan.FromMinutes(1), Cancel)).Count);
    }

    [Fact]
    public async Task Submit_IdOfAnotherLongJob_IsRefused()
    {
        var (_, queue) = await NewQueueAsync();
        await queue.SubmitAsync(Job("job-1", new string('x', 100_000)), Cancel);

        var error = await Assert.ThrowsAsync<InvalidRequestException>(() => queue.SubmitAsync(Job("job-1", new string('y', 100_000)), Cancel));

        Assert.Equal("The job id 'job-1' was used for another request.", error.Message);
    }

    [Theory]
    [InlineData("../../models/nano/manifest")]
    [InlineData("")]
    [InlineData("a.json")]
    public async Task Submit_HostileId_IsRefused(string id)
    {
        var (_, queue) = await NewQueueAsync();

        var error = await Assert.ThrowsAsync<InvalidRequestException>(() => queue.SubmitAsync(Job(id, "x"), Cancel));

        Assert.Equal("id", error.Parameter);
    }

    [Fact]
    public async Task Submit_LongerThanABlobMayBe_IsRefused()
    {
        var (_, queue) = await NewQueueAsync();

        var error = await Assert.ThrowsAsync<InvalidRequestException>(() => queue.SubmitAsync(Job("job-1", new string('x', 17 << 20)), Cancel));

        Assert.EndsWith("allowed are 16777216.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ReadJob_BlobMissing_IsRefused()
    {
        var (_, queue) = await NewQueueAsync();

        var error = await Assert.ThrowsAsync<JobMessageException>(() => queue.ReadJobAsync("""{"id":"a","requestBlob":"requests/a.json"}""", Cancel));

        Assert.Equal("Job a names the blob requests/a.json, which does not exist.", error.Message);
    }

    [Theory]
    [InlineData("""{"id":"b","request":{}}""", "is not the request of job a")]
    [InlineData("""{"id":"a","requestBlob":"requests/a.json"}""", "is not the request of job a")]
    [InlineData("{", "is not valid JSON")]
    public async Task ReadJob_BlobIsNotItsRequest_IsRefused(string blob, string message)
    {
        var (storage, queue) = await NewQueueAsync();
        await storage.Blob("requests", "a.json").UploadAsync(BinaryData.FromString(blob), Cancel);

        var error = await Assert.ThrowsAsync<JobMessageException>(() => queue.ReadJobAsync("""{"id":"a","requestBlob":"requests/a.json"}""", Cancel));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    private async Task<(TestStorage Storage, CompletionQueue Queue)> NewQueueAsync()
    {
        var storage = new TestStorage(azurite);
        await StorageProvisioning.EnsureCreatedAsync(storage.Connection, Cancel);
        return (storage, new CompletionQueue(storage.Connection));
    }

    private static async Task<string> TakeTextAsync(CompletionQueue queue) =>
        (await queue.Messages.ReceiveAsync(1, TimeSpan.FromMinutes(1), Cancel))[0].ReadText();

    private static CompletionJob Job(string id, string prompt) => new(new OwnedId(null, id), "nano", JsonSerializer.SerializeToElement(new { prompt }));
}
