using System.Text;
using System.Text.Json;
using Azure.Core;
using Gemma2.Backend;
using Gemma2.Storage.Jobs;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests.Jobs;

public class JobStoreTests(AzuriteFixture azurite)
{
    private static readonly OwnedId Key = new("team", "job-1");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(10, false)]
    [InlineData(48_000, false)]
    [InlineData(49_152, true)]
    [InlineData(3_000_000, true)]
    public async Task Submit_AnyLength_ComesOutAsItWentIn(int promptLength, bool byReference)
    {
        var (storage, jobs, work) = await NewStoreAsync();
        CompletionJob job = Job(new string('x', promptLength), new Uri("https://example.com/done"));

        Assert.True(await jobs.SubmitAsync(job, Cancel));

        JobMessage message = JobMessage.Parse(await TakeTextAsync(work));
        CompletionJob taken = await work.ReadJobAsync(message, Cancel);
        Assert.Equal((job.Key, job.Model, job.Request.GetRawText(), job.CallbackUrl), (taken.Key, taken.Model, taken.Request.GetRawText(), taken.CallbackUrl));
        Assert.Equal(byReference, message.Job is null);
        Assert.True(await storage.Blob("requests", "team/job-1.json").ExistsAsync(Cancel));
    }

    [Fact]
    public async Task Submit_New_IsQueued()
    {
        var (_, jobs, _) = await NewStoreAsync();
        Assert.Null(await jobs.TryReadAsync(Key, Cancel));

        await jobs.SubmitAsync(Job("x"), Cancel);

        JobSnapshot job = (await jobs.TryReadAsync(Key, Cancel))!;
        Assert.Equal((Key, JobStatus.Queued, "nano", 0), (job.Key, job.Status, job.Model, job.Attempts));
        Assert.True(job is { StartedAt: null, FinishedAt: null, Result: null, HasEnded: false });
        Assert.InRange(job.CreatedAt, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
        Assert.Null(await jobs.TryReadAsync(new OwnedId("other", "job-1"), Cancel));
        Assert.Null(await jobs.TryReadAsync(new OwnedId(null, "job-1"), Cancel));
    }

    [Fact]
    public async Task Submit_Again_IsTheSameJobAndIsNotQueuedAgain()
    {
        var (_, jobs, work) = await NewStoreAsync();
        await jobs.SubmitAsync(Job("x"), Cancel);

        Assert.False(await jobs.SubmitAsync(Job("x"), Cancel));

        Assert.Single(await work.Messages.ReceiveAsync(32, TimeSpan.FromMinutes(1), Cancel));
    }

    [Fact]
    public async Task Submit_SameMeaningInOtherWords_IsTheSameJob()
    {
        var (_, jobs, _) = await NewStoreAsync();
        await jobs.SubmitAsync(new CompletionJob(Key, "nano", JsonElement.Parse("""{"prompt":"a\u0062","temperature":1.0}""")), Cancel);

        Assert.False(await jobs.SubmitAsync(new CompletionJob(Key, "nano", JsonElement.Parse("""{ "temperature": 1, "prompt": "ab" }""")), Cancel));
    }

    [Fact]
    public async Task Submit_IdOfAnotherRequest_IsRefusedUnlessItIsAnotherOwners()
    {
        var (_, jobs, work) = await NewStoreAsync();
        await jobs.SubmitAsync(Job("x"), Cancel);

        var error = await Assert.ThrowsAsync<JobConflictException>(() => jobs.SubmitAsync(Job("y"), Cancel));
        await Assert.ThrowsAsync<JobConflictException>(() => jobs.SubmitAsync(Job("x", new Uri("https://example.com/")), Cancel));

        Assert.Equal("The job id 'job-1' was used for another request.", error.Message);
        Assert.True(await jobs.SubmitAsync(Job("y") with { Key = new OwnedId("other", "job-1") }, Cancel));
        Assert.Equal(2, (await work.Messages.ReceiveAsync(32, TimeSpan.FromMinutes(1), Cancel)).Count);
    }

    [Fact]
    public async Task Submit_EveryReplyLostOnce_Arrives()
    {
        var (storage, jobs, work) = await NewStoreAsync();
        var seen = new HashSet<string>();
        storage.Faults.Play(FaultTransport.LoseReply, request => request.Method.Method is "PUT" or "POST" && seen.Add(request.Uri.ToString()));

        await jobs.SubmitAsync(Job("x"), Cancel);

        storage.Faults.Stop();
        Assert.Equal(JobStatus.Queued, (await jobs.TryReadAsync(Key, Cancel))!.Status);
        Assert.NotEmpty(await work.Messages.ReceiveAsync(32, TimeSpan.FromMinutes(1), Cancel));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Submit_BreaksOffAtAnyCall_TheSecondTimeIsQueued(int callsThatWork)
    {
        var (storage, jobs, work) = await NewStoreAsync();
        int calls = 0;
        storage.Faults.Play(FaultTransport.Answer(503, "ServerBusy"), _ => calls++ >= callsThatWork);
        await Assert.ThrowsAsync<StorageException>(() => jobs.SubmitAsync(Job("x"), Cancel));
        storage.Faults.Stop();

        await jobs.SubmitAsync(Job("x"), Cancel);

        Assert.NotEmpty(await work.Messages.ReceiveAsync(32, TimeSpan.FromMinutes(1), Cancel));
        Assert.Equal(JobStatus.Queued, (await jobs.TryReadAsync(Key, Cancel))!.Status);
    }

    [Fact]
    public async Task TryRead_OnlyTheRequestIsStored_IsQueued()
    {
        var (storage, jobs, _) = await NewStoreAsync();
        storage.Faults.Play(FaultTransport.Answer(403, "AuthorizationPermissionMismatch"), request => request.Uri.ToString().Contains("/messages", StringComparison.Ordinal));
        await Assert.ThrowsAsync<StorageException>(() => jobs.SubmitAsync(Job("x"), Cancel));

        JobSnapshot job = (await jobs.TryReadAsync(Key, Cancel))!;

        Assert.Equal((JobStatus.Queued, "nano"), (job.Status, job.Model));
    }

    [Theory]
    [InlineData("../../models/nano/manifest")]
    [InlineData("")]
    [InlineData("a.json")]
    [InlineData("team/job-1")]
    public async Task AnyCall_HostileId_IsRefused(string id)
    {
        var (_, jobs, _) = await NewStoreAsync();
        var key = new OwnedId(null, id);

        await Assert.ThrowsAsync<InvalidRequestException>(() => jobs.SubmitAsync(Job("x") with { Key = key }, Cancel));
        await Assert.ThrowsAsync<InvalidRequestException>(() => jobs.TryReadAsync(key, Cancel));
        await Assert.ThrowsAsync<InvalidRequestException>(() => jobs.CancelAsync(key, Cancel));
        await Assert.ThrowsAsync<InvalidRequestException>(() => jobs.RequeueAsync(key, Cancel));
        await Assert.ThrowsAsync<InvalidRequestException>(() => jobs.CancelAsync(new OwnedId(id, "job-1"), Cancel));
    }

    [Fact]
    public async Task Submit_LongerThanABlobMayBe_IsRefused()
    {
        var (_, jobs, _) = await NewStoreAsync();

        var error = await Assert.ThrowsAsync<InvalidRequestException>(() => jobs.SubmitAsync(Job(new string('x', 17 << 20)), Cancel));

        Assert.EndsWith("allowed are 16777216.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Begin_Twice_CountsBothAndTellsWhenTheLastWas()
    {
        var (_, jobs, work) = await NewStoreAsync();
        await jobs.SubmitAsync(Job("x"), Cancel);

        await work.BeginAsync(Job("x"), null, Cancel);
        JobAttempt second = await work.BeginAsync(Job("x"), null, Cancel);

        JobSnapshot job = (await jobs.TryReadAsync(Key, Cancel))!;
        Assert.Equal((JobStatus.Running, 2, second.State.StartedAt), (job.Status, job.Attempts, job.StartedAt));
        Assert.Equal(2, second.State.OpenAttempts);
    }

    [Fact]
    public async Task BeginAndGiveBack_EveryReplyLostOnce_CountOnce()
    {
        var (storage, jobs, work) = await NewStoreAsync();
        storage.Faults.Play(FaultTransport.LoseReply, LoseFirst());
        JobAttempt attempt = await work.BeginAsync(Job("x"), null, Cancel);
        storage.Faults.Play(FaultTransport.LoseReply, LoseFirst());
        attempt = await work.BeginAsync(Job("x"), null, Cancel);
        storage.Faults.Play(FaultTransport.LoseReply, LoseFirst());
        await work.GiveBackAsync(attempt, Cancel);
        storage.Faults.Stop();
        await work.GiveBackAsync(attempt, Cancel);

        JobState state = (await work.TryReadStateAsync(Key, Cancel))!;
        Assert.Equal((2, 1), (state.Attempts, state.GivenBack));
        Assert.Equal(JobStatus.Running, (await jobs.TryReadAsync(Key, Cancel))!.Status);
    }

    [Fact]
    public async Task Begin_ManyAtTheSameTime_CountsAll()
    {
        var (_, jobs, work) = await NewStoreAsync();
        await jobs.SubmitAsync(Job("x"), Cancel);

        JobAttempt[] attempts = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => work.BeginAsync(Job("x"), null, Cancel)));
        await Task.WhenAll(attempts.Select(attempt => work.GiveBackAsync(attempt, Cancel)));

        JobState state = (await work.TryReadStateAsync(Key, Cancel))!;
        Assert.Equal((8, 8, 0), (state.Attempts, state.GivenBack, state.OpenAttempts));
        Assert.Equal(JobStatus.Queued, (await jobs.TryReadAsync(Key, Cancel))!.Status);
    }

    [Fact]
    public async Task Cancel_Queued_IsItsResult()
    {
        var (_, jobs, work) = await NewStoreAsync();
        await jobs.SubmitAsync(Job("x"), Cancel);

        JobSnapshot job = (await jobs.CancelAsync(Key, Cancel))!;

        Assert.Equal((JobStatus.Cancelled, true), (job.Status, job.FinishedAt is not null));
        JsonElement result = JsonElement.Parse(job.Result!.Value.Span);
        Assert.Equal(("job-1", "cancelled", "cancelled"), (result.GetProperty("id").GetString(), result.GetProperty("status").GetString(), result.GetProperty("error").GetProperty("code").GetString()));
        Assert.True(await work.HasResultAsync(JobMessage.Parse(await TakeTextAsync(work)), Cancel));
    }

    [Fact]
    public async Task Cancel_ReplyLost_IsCancelled()
    {
        var (storage, jobs, _) = await NewStoreAsync();
        await jobs.SubmitAsync(Job("x"), Cancel);
        storage.Faults.Play(FaultTransport.LoseReply, LoseFirst());

        Assert.Equal(JobStatus.Cancelled, (await jobs.CancelAsync(Key, Cancel))!.Status);
    }

    [Fact]
    public async Task Cancel_HasItsResult_IsLeftAsItIs()
    {
        var (_, jobs, work) = await NewStoreAsync();
        await jobs.SubmitAsync(Job("x"), Cancel);
        await EndAsync(work, JobStatus.Succeeded);

        Assert.Equal(JobStatus.Succeeded, (await jobs.CancelAsync(Key, Cancel))!.Status);
    }

    [Fact]
    public async Task Cancel_NoSuchJob_IsNull()
    {
        var (_, jobs, _) = await NewStoreAsync();

        Assert.Null(await jobs.CancelAsync(Key, Cancel));
    }

    [Theory]
    [InlineData(JobStatus.Failed)]
    [InlineData(JobStatus.Cancelled)]
    public async Task Requeue_FailedOrCancelled_IsQueuedAnewWithAllItsTries(JobStatus status)
    {
        var (_, jobs, work) = await NewStoreAsync();
        await jobs.SubmitAsync(Job("x"), Cancel);
        await (await TakeAsync(work)).CompleteAsync(Cancel);
        await work.BeginAsync(Job("x"), null, Cancel);
        await EndAsync(work, status);

        await jobs.RequeueAsync(Key, Cancel);

        JobSnapshot job = (await jobs.TryReadAsync(Key, Cancel))!;
        Assert.Equal((JobStatus.Queued, 0), (job.Status, job.Attempts));
        JobMessage message = JobMessage.Parse(await TakeTextAsync(work));
        Assert.False(await work.HasResultAsync(message, Cancel));
        // A copy of the message that comes after the new result leaves that alone.
        await EndAsync(work, JobStatus.Succeeded);
        Assert.True(await work.HasResultAsync(message, Cancel));
    }

    [Fact]
    public async Task Requeue_EndsAfterTheMessageWasSent_TheMessageTakesTheResultAway()
    {
        var (storage, jobs, work) = await NewStoreAsync();
        await jobs.SubmitAsync(Job("x"), Cancel);
        await (await TakeAsync(work)).CompleteAsync(Cancel);
        await EndAsync(work, JobStatus.Failed);
        storage.Faults.Play(FaultTransport.Answer(403, "AuthorizationPermissionMismatch"), request => request.Method == RequestMethod.Put || request.Method == RequestMethod.Delete);
        await Assert.ThrowsAsync<StorageException>(() => jobs.RequeueAsync(Key, Cancel));
        storage.Faults.Stop();
        Assert.Equal(JobStatus.Failed, (await jobs.TryReadAsync(Key, Cancel))!.Status);

        Assert.False(await work.HasResultAsync(JobMessage.Parse(await TakeTextAsync(work)), Cancel));

        Assert.Equal(JobStatus.Queued, (await jobs.TryReadAsync(Key, Cancel))!.Status);
    }

    [Theory]
    [InlineData(null, "is queued")]
    [InlineData(JobStatus.Succeeded, "is succeeded")]
    public async Task Requeue_HasNotFailed_IsRefused(JobStatus? status, string message)
    {
        var (_, jobs, work) = await NewStoreAsync();
        await jobs.SubmitAsync(Job("x"), Cancel);
        if (status is { } end) await EndAsync(work, end);

        Assert.Contains(message, (await Assert.ThrowsAsync<InvalidRequestException>(() => jobs.RequeueAsync(Key, Cancel))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Requeue_NoSuchJobOrNoRequest_IsRefused()
    {
        var (_, jobs, work) = await NewStoreAsync();
        Assert.Contains("no job", (await Assert.ThrowsAsync<InvalidRequestException>(() => jobs.RequeueAsync(Key, Cancel))).Message, StringComparison.Ordinal);
        await EndAsync(work, JobStatus.Failed);

        Assert.Contains("no longer stored", (await Assert.ThrowsAsync<InvalidRequestException>(() => jobs.RequeueAsync(Key, Cancel))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListFailed_JobsOfAllKinds_GivesTheFailedOnesOfAllOwners()
    {
        var (storage, jobs, work) = await NewStoreAsync();
        await jobs.SubmitAsync(Job("x"), Cancel);
        OwnedId[] failed = [new(null, "a"), new("team", "b")];
        foreach (OwnedId key in failed) await work.Results.WriteOnceAsync(key, JobStatus.Failed, """{"status":"failed"}"""u8.ToArray(), Cancel);
        await work.Results.WriteOnceAsync(new OwnedId("team", "c"), JobStatus.Succeeded, """{"status":"succeeded"}"""u8.ToArray(), Cancel);
        await storage.Blob("completions", "not a job.txt").UploadAsync(BinaryData.FromString("x"), Cancel);

        Assert.Equal(failed, await jobs.ListFailedAsync(Cancel).Select(job => job.Key).ToListAsync(Cancel));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("nonsense")]
    [InlineData("{}")]
    [InlineData("""{"status":"running"}""")]
    [InlineData("""{"status":3}""")]
    public async Task TryRead_ResultThatIsNone_NamesTheBlob(string blob)
    {
        var (storage, jobs, _) = await NewStoreAsync();
        await storage.Blob("completions", "team/job-1.json").UploadAsync(BinaryData.FromString(blob), Cancel);

        var error = await Assert.ThrowsAsync<StorageException>(() => jobs.TryReadAsync(Key, Cancel));

        Assert.Equal("The blob completions/team/job-1.json is not a job's result.", error.Message);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{")]
    [InlineData("""{"createdAt":"yesterday"}""")]
    public async Task TryRead_StateThatIsNone_NamesTheBlob(string blob)
    {
        var (storage, jobs, _) = await NewStoreAsync();
        await storage.Blob("jobs", "team/job-1.json").UploadAsync(BinaryData.FromString(blob), Cancel);

        var error = await Assert.ThrowsAsync<StorageException>(() => jobs.TryReadAsync(Key, Cancel));

        Assert.Equal("The blob jobs/team/job-1.json is not a job's state.", error.Message);
    }

    [Fact]
    public async Task ReadJob_BlobMissing_IsRefused()
    {
        var (_, _, work) = await NewStoreAsync();

        var error = await Assert.ThrowsAsync<JobMessageException>(() => work.ReadJobAsync(new JobMessage(Key, null), Cancel));

        Assert.Equal("What job team/job-1 asks for is not stored: there is no blob requests/team/job-1.json.", error.Message);
    }

    [Theory]
    [InlineData("""{"id":"b","owner":"team","request":{}}""", "is not the request of job team/job-1")]
    [InlineData("""{"id":"job-1","request":{}}""", "is not the request of job team/job-1")]
    [InlineData("""{"id":"job-1","owner":"team","requestBlob":"requests/team/job-1.json"}""", "is not the request of job team/job-1")]
    [InlineData("{", "is not valid JSON")]
    public async Task ReadJob_BlobIsNotItsRequest_IsRefused(string blob, string message)
    {
        var (storage, _, work) = await NewStoreAsync();
        await storage.Blob("requests", "team/job-1.json").UploadAsync(BinaryData.FromString(blob), Cancel);

        var error = await Assert.ThrowsAsync<JobMessageException>(() => work.ReadJobAsync(new JobMessage(Key, null), Cancel));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Retry_MessageAsLongAsOneCanBe_GoesOnByReference()
    {
        var (_, _, work) = await NewStoreAsync();
        int frame = new JobMessage(Key, Job("")).ToJson().Length;
        var message = new JobMessage(Key, Job(new string('x', JobMessage.MaxMessageBytes - frame)));

        JobMessage next = JobMessage.Parse(await work.RetryAsync(message, counts: true, Cancel));

        Assert.Equal((1, null), (next.Retries, next.Job));
        Assert.Equal(message.Job!.Request.GetRawText(), (await work.ReadJobAsync(next, Cancel)).Request.GetRawText());
    }

    [Fact]
    public async Task DeadLetter_AnyMessage_IsKeptWithItsReason()
    {
        var (storage, _, _) = await NewStoreAsync();
        var letters = new DeadLetterStore(storage.Connection);

        string named = await letters.WriteAsync("some-queue", "0b6a1c1e-8d8f-4a6a-9d4e-1f1b6f3f1a11", "{no job", "It is not JSON.", Cancel);
        string unnamed = await letters.WriteAsync("some-queue", "../../models/x", "{no job", "It is not JSON.", Cancel);

        Assert.Equal("some-queue/0b6a1c1e-8d8f-4a6a-9d4e-1f1b6f3f1a11.json", named);
        Assert.Matches("^some-queue/[0-9a-f]{32}\\.json$", unnamed);
        JsonElement letter = JsonElement.Parse((await storage.Blob("dead-letters", named).DownloadContentAsync(Cancel)).Value.Content.ToMemory().Span);
        Assert.Equal(("some-queue", "{no job", "It is not JSON."), (letter.GetProperty("queue").GetString(), letter.GetProperty("body").GetString(), letter.GetProperty("reason").GetString()));
    }

    /// <summary>Names the first try of every change; its second try is let through.</summary>
    private static Func<Request, bool> LoseFirst()
    {
        var seen = new HashSet<string>();
        return request => request.Method == RequestMethod.Put && seen.Add(request.Uri.ToString());
    }

    private async Task<(TestStorage Storage, JobStore Jobs, JobWork Work)> NewStoreAsync()
    {
        var storage = new TestStorage(azurite);
        await StorageProvisioning.EnsureCreatedAsync(storage.Connection, Cancel);
        return (storage, new JobStore(storage.Connection), new JobWork(storage.Connection));
    }

    private static Task<WriteOutcome> EndAsync(JobWork work, JobStatus status) => work.Results.WriteOnceAsync(
        Key, status, Encoding.UTF8.GetBytes($$"""{"id":"job-1","status":"{{JobStatusNames.Of(status)}}","at":"{{Guid.NewGuid()}}"}"""), Cancel);

    private static async Task<QueueLease> TakeAsync(JobWork work) => (await work.Messages.ReceiveAsync(1, TimeSpan.FromMinutes(1), Cancel)).Single();

    private static async Task<string> TakeTextAsync(JobWork work) => (await TakeAsync(work)).ReadText();

    private static CompletionJob Job(string prompt, Uri? callback = null) => new(Key, "nano", JsonSerializer.SerializeToElement(new { prompt }), callback);
}
