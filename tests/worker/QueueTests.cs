using System.Net;
using System.Text;
using System.Text.Json;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Worker.Tests;

/// <summary>Messages that a Functions host delivers.</summary>
[Collection(nameof(SharedApps))]
public sealed class QueueTests(SharedApps apps)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Job_FromTheQueue_EndsWithOneResult()
    {
        (App app, Account account) = await apps.HostedAsync();
        await account.SubmitShortAsync("from-the-queue");

        await WaitForEndAsync(app, account, "from-the-queue");

        Assert.Equal((JobStatus.Succeeded, 1), await ReadAsync(account, "from-the-queue"));
    }

    [Theory]
    [InlineData("base64", true)]
    [InlineData("text", false)]
    public async Task Message_Base64OrText_IsAJob(string id, bool isBase64)
    {
        (App app, Account account) = await apps.HostedAsync();
        string message = Account.JobMessage(id);
        await account.SendAsync(StorageNames.CompletionRequests, isBase64 ? Convert.ToBase64String(Encoding.UTF8.GetBytes(message)) : message);

        await WaitForEndAsync(app, account, id);

        Assert.Equal((JobStatus.Succeeded, 1), await ReadAsync(account, id));
    }

    [Theory]
    [InlineData(StorageNames.CompletionRequests, "neither base64 nor JSON")]
    [InlineData(StorageNames.CompletionRequests, "bm8gSlNPTg==")]
    [InlineData(StorageNames.BatchRequests, "{\"batch\":\"../x\"}")]
    [InlineData(StorageNames.CompletionRequests + StorageNames.PoisonSuffix, "straight to the poison queue")]
    public async Task Message_ThatIsNoWork_BecomesADeadLetterAndDoesNotCircle(string queue, string text)
    {
        (App app, Account account) = await apps.HostedAsync();
        int before = (await account.ReadBlobsAsync(StorageNames.DeadLetters)).Count;
        await account.SendAsync(queue, text);

        await app.Program.WaitAsync(async () => (await account.ReadBlobsAsync(StorageNames.DeadLetters)).Count > before, "the dead letter");
        await app.Program.WaitAsync(account.IsEmptyAsync, "empty queues");

        Assert.Equal(before + 1, (await account.ReadBlobsAsync(StorageNames.DeadLetters)).Count);
    }

    [Fact]
    public async Task PoisonQueue_JobThatNoWorkerDiedWith_IsDone()
    {
        (App app, Account account) = await apps.HostedAsync();
        await account.SendAsync(StorageNames.CompletionRequests + StorageNames.PoisonSuffix, Account.JobMessage("poisoned"));

        await WaitForEndAsync(app, account, "poisoned");

        Assert.Equal((JobStatus.Succeeded, 1), await ReadAsync(account, "poisoned"));
    }

    [Fact]
    public async Task Cancel_RunningJob_EndsItAndLetsTheNextOneIn()
    {
        (App app, Account account) = await apps.HostedAsync();
        await account.SubmitLongAsync("to-cancel");
        await app.Program.WaitAsync(() => account.IsRunningAsync("to-cancel"), "the job's start");

        await account.CancelAsync("to-cancel");
        await account.SubmitShortAsync("after-the-cancelled");
        await WaitForEndAsync(app, account, "after-the-cancelled");

        Assert.Equal((JobStatus.Cancelled, 1), await ReadAsync(account, "to-cancel"));
        Assert.Equal((JobStatus.Succeeded, 1), await ReadAsync(account, "after-the-cancelled"));
    }

    [Fact]
    public async Task Timer_Invoked_Succeeds()
    {
        (App app, _) = await apps.HostedAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/admin/functions/Sweep") { Headers = { { "x-functions-key", SharedApps.MasterKey } } };

        using HttpResponseMessage response = await app.Http.SendAsync(request, Cancellation);

        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        Assert.DoesNotContain(app.Program.Lines, line => line.Contains("timer's function has failed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Log_NothingToDo_IsSilent()
    {
        (App app, Account account) = await apps.HostedAsync();
        await account.SubmitShortAsync("before-the-silence");
        await WaitForEndAsync(app, account, "before-the-silence");
        // What a start says once.
        await app.Program.WaitAsync(() => app.Program.Lines.Count(IsStartup) >= 2, "the start's line at ready and that at the first token");
        await app.Program.WaitAsync(() => app.Program.Lines.Any(IsStoringOfPipelines), "compiled pipelines in storage");
        int before = app.Program.Lines.Count;

        // All queues are looked into several times meanwhile.
        await Task.Delay(TimeSpan.FromSeconds(6), Cancellation);

        Assert.Empty(app.Program.Lines.Skip(before));
        Assert.DoesNotContain(app.Program.Lines, line => line.Contains("Azure.Core", StringComparison.Ordinal));
    }

    private static bool IsStartup(string line) => line.Contains("{\"startup\":", StringComparison.Ordinal);

    private static bool IsStoringOfPipelines(string line) => line.Contains("Compiled pipelines were stored", StringComparison.Ordinal);

    private static async Task WaitForEndAsync(App app, Account account, string job)
    {
        await app.Program.WaitAsync(() => account.HasEndedAsync(job), $"the end of job {job}");
        await app.Program.WaitAsync(account.IsEmptyAsync, "empty queues");
    }

    private static async Task<(JobStatus Status, int Attempts)> ReadAsync(Account account, string job)
    {
        JobSnapshot snapshot = (await account.TryReadAsync(job))!;
        return (snapshot.Status, snapshot.Attempts);
    }
}
