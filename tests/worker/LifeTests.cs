using System.Net;
using Azure.Storage.Queues.Models;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;
using Gemma2.Testing;

namespace Gemma2.Worker.Tests;

/// <summary>How worker and host end, and what becomes of the work in hand.</summary>
public sealed class LifeTests(PublishedFolder folder, AzuriteFixture azurite)
{
    private const string Job = "in-hand";

    // A real host leaves ten seconds each.
    private static readonly string[] Hasty = ["--drain-seconds", "1", "--restart-seconds", "1"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Kill_WorkerWithAJobInHand_JobComesAgainAfterItsLease()
    {
        (App app, Account account) = await StartAsync();
        await using (app)
        {
            await account.SubmitLongAsync(Job);
            await WaitForStartAsync(app, account);

            App.SendToWorker(await app.WaitForWorkerAsync(), Signal.Kill);

            // The host has taken the message for ten minutes; this waits for five.
            await app.Program.WaitAsync(() => account.HasEndedAsync(Job), "the job's end");
            await app.Program.WaitAsync(account.IsEmptyAsync, "empty queues");
            JobSnapshot job = (await account.TryReadAsync(Job))!;
            Assert.Equal((JobStatus.Succeeded, 2), (job.Status, job.Attempts));
            Assert.Empty(await account.ReadBlobsAsync(StorageNames.DeadLetters));
        }
    }

    [Fact]
    public async Task Term_HostWithAJobInHand_HandsItBackForTheNext()
    {
        (App app, Account account) = await StartAsync();
        await using (app)
        {
            await account.SubmitLongAsync(Job);
            await WaitForStartAsync(app, account);
            Assert.Equal(0, await app.Program.StopAsync());
            Assert.DoesNotContain(app.Program.Lines, line => line.Contains("is killed", StringComparison.Ordinal));
        }

        PeekedMessage message = Assert.Single(await account.PeekAsync(StorageNames.CompletionRequests));
        Assert.Equal(0, message.DequeueCount);
        (app, _) = await StartAsync(account);
        await using (app)
        {
            await app.Program.WaitAsync(() => account.HasEndedAsync(Job), "the job's end");
            await app.Program.WaitAsync(account.IsEmptyAsync, "empty queues");
            Assert.Equal(JobStatus.Succeeded, (await account.TryReadAsync(Job))!.Status);
        }
    }

    [Fact]
    public async Task Term_Worker_EndsWithAnExitCodeThatTheHostRestarts()
    {
        (App app, _) = await StartAsync();
        await using (app)
        {
            int worker = await app.WaitForWorkerAsync();

            App.SendToWorker(worker, Signal.Term);

            Assert.NotEqual(0, await app.WaitForWorkersEndAsync(worker));
            await app.WaitUntilReadyAsync(workers: 2);
            Assert.Equal("""{"name":"gemma2","status":"ready"}""", await app.Http.GetStringAsync("/", Cancellation));
        }
    }

    [Fact]
    public async Task Kill_Host_EndsTheWorker()
    {
        (App app, _) = await StartAsync();
        await using (app)
        {
            int worker = await app.WaitForWorkerAsync();

            app.Program.Send(Signal.Kill);
            await app.Program.Ended;

            await app.Program.WaitAsync(() => !Directory.Exists($"/proc/{worker}"), "the worker's end");
        }
    }

    [Theory]
    [InlineData("Gemma2__MaxSequences", "many", "Gemma2__MaxSequences is 'many'; allowed: integers from 1 to 256.")]
    [InlineData("AzureWebJobsStorage", "nonsense", "AzureWebJobsStorage is not a usable storage connection string")]
    public async Task Start_WrongSetting_EndsEachWorkerWithOneLineAndAtLastTheHost(string name, string value, string expected)
    {
        await using App app = App.StartHosted(folder, azurite.NewConnectionString(), new() { [name] = value }, Hasty);

        Assert.Equal(0, await app.Program.Ended.WaitAsync(Cancellation));

        foreach (int count in Enumerable.Range(1, 3))
        {
            int worker = await app.WaitForWorkerAsync(count);
            Assert.Contains(expected, Assert.Single(app.Program.Lines, line => line.StartsWith($"[{worker}] ", StringComparison.Ordinal)), StringComparison.Ordinal);
            Assert.NotEqual(0, await app.WaitForWorkersEndAsync(worker));
        }
    }

    [Fact]
    public async Task Start_ModelThatIsNotThere_EndsTheWorkerWithAnExitCodeAndWithoutAStack()
    {
        await using App app = App.StartHosted(folder, azurite.NewConnectionString(), new() { ["Gemma2__Model"] = "./no-such-model" }, Hasty);

        Assert.Equal(0, await app.Program.Ended.WaitAsync(Cancellation));

        Assert.NotEqual(0, await app.WaitForWorkersEndAsync(await app.WaitForWorkerAsync()));
        Assert.Contains(app.Program.Lines, line => line.Contains("no-such-model", StringComparison.Ordinal));
        Assert.DoesNotContain(app.Program.Lines, line => line.Contains("   at ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Start_HostThatSaysWhatNoHostSays_GoesOn()
    {
        (App app, Account account) = await StartAsync(null, "--wrong", "UnknownMessage", "--wrong", "UnknownFunction", "--wrong", "SecondStart");
        await using (app)
        {
            await account.SubmitShortAsync(Job);

            await app.Program.WaitAsync(() => account.HasEndedAsync(Job), "the job's end");

            Assert.Equal("""{"name":"gemma2","status":"ready"}""", await app.Http.GetStringAsync("/", Cancellation));
            // The host is told of each function that it asked for in vain.
            await app.Program.WaitForLineAsync("could not load a function. (OfAnotherBuild)");
            Assert.DoesNotContain(app.Program.Lines, line => line.Contains("   at ", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Start_MessageThatWasDeliveredTooOften_IsDoneAllTheSame()
    {
        Account account = await Account.CreateAsync(azurite.NewConnectionString());
        await account.SubmitShortAsync(Job);
        // As workers do that die at once.
        for (int delivery = 1; delivery <= JobQueue.DefaultMaxDequeueCount; delivery++) await account.TakeAndDropAsync(StorageNames.CompletionRequests);

        (App app, _) = await StartAsync(account);
        await using (app)
        {
            await app.Program.WaitAsync(() => account.HasEndedAsync(Job), "the job's end");
            await app.Program.WaitAsync(account.IsEmptyAsync, "empty queues");
            Assert.Equal(JobStatus.Succeeded, (await account.TryReadAsync(Job))!.Status);
        }
    }

    [Fact]
    public async Task Start_ModelThatIsPushedLater_KeepsWhatCameBefore()
    {
        Account account = await Account.CreateAsync(azurite.NewConnectionString());
        await account.SubmitShortAsync(Job);
        await using App app = App.StartHosted(folder, account.ConnectionString, new() { ["Gemma2__Model"] = "nano" }, Hasty);
        await app.WaitUntilListeningAsync();
        Task<HttpResponseMessage> early = app.Http.PostAsync("/v1/completions", new StringContent("""{"model":"nano","prompt":"the","max_tokens":2}""", null, "application/json"), Cancellation);
        await app.Program.WaitForLineAsync("(could not be loaded) \\(try 3\\)");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await app.Http.GetAsync("/healthz", Cancellation)).StatusCode);

        await account.PushNanoAsync();

        Assert.Equal(HttpStatusCode.OK, (await early).StatusCode);
        await app.Program.WaitAsync(() => account.HasEndedAsync(Job), "the job's end");
        await app.Program.WaitAsync(account.IsEmptyAsync, "empty queues");
        JobSnapshot job = (await account.TryReadAsync(Job))!;
        // However often the message was delivered meanwhile, that was no try.
        Assert.Equal((JobStatus.Succeeded, 1), (job.Status, job.Attempts));
        await app.WaitForWorkerAsync(1);
        Assert.DoesNotContain(app.Program.Lines, line => line.Contains("has ended with exit code", StringComparison.Ordinal));
    }

    private async Task<(App App, Account Account)> StartAsync(Account? account = null, params string[] options)
    {
        account ??= await Account.CreateAsync(azurite.NewConnectionString());
        App app = App.StartHosted(folder, account.ConnectionString, null, [.. Hasty, .. options]);
        await app.WaitUntilReadyAsync();
        return (app, account);
    }

    private static Task WaitForStartAsync(App app, Account account) => app.Program.WaitAsync(() => account.IsRunningAsync(Job), "the job's start");
}
