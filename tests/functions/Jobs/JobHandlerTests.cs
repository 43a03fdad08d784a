using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Text;
using Gemma2.Service.Jobs;
using Gemma2.Service.Lifetime;
using Gemma2.Service.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Gemma2.Functions.Tests.Jobs;

/// <summary>What becomes of a job's message, whatever happens while it is worked on.</summary>
public sealed class JobHandlerTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Handle_Job_TellsItsWay()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using JobRig rig = await StartAsync(engine);
        JobStatus? running = null;
        engine.BeforeAnswer = async _ => running = (await rig.ReadAsync("a")).Status;
        await rig.Account.SubmitAsync("a", JobRig.Chat);

        Assert.Same(QueueOutcome.Done, await rig.DeliverAsync(JobRig.Message("a")));

        JobSnapshot job = await rig.ReadAsync("a");
        Assert.Equal((JobStatus.Running, JobStatus.Succeeded, 1), (running, job.Status, job.Attempts));
        Assert.True(job.CreatedAt <= job.StartedAt && job.StartedAt <= job.FinishedAt!.Value.AddSeconds(1), $"{job}");
        JsonElement result = await rig.ResultAsync("a");
        Assert.Equal(job.CreatedAt.ToUnixTimeSeconds(), result.GetProperty("response").GetProperty("created").GetInt64());
    }

    [Fact]
    public async Task Handle_JobThatCameInAMessageAlone_GetsItsState()
    {
        await using JobRig rig = await StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));

        await rig.DeliverAsync(JobRig.Message("a"));

        JobSnapshot job = await rig.ReadAsync("a");
        Assert.Equal((JobStatus.Succeeded, 1, ScriptedEngine.Name), (job.Status, job.Attempts, job.Model));
    }

    [Fact]
    public async Task Handle_StorageFails_GoesOnInANewMessageAndCountsNoTry()
    {
        int failures = 0;
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { BeforeEnd = _ => failures++ == 0 ? throw new StorageException("Storage is away.") : Task.CompletedTask };
        await using JobRig rig = await StartAsync(engine);

        QueueOutcome outcome = await rig.DeliverAsync(JobRig.Message("a"));

        Assert.InRange(((QueueOutcome.Replaced)outcome).After, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(10));
        Assert.Equal(1, JobMessage.Parse(JobRig.Text(outcome)).Retries);
        Assert.Equal((JobStatus.Queued, 1), ((await rig.ReadAsync("a")).Status, (await rig.ReadAsync("a")).Attempts));
        Assert.Equal(0, (await rig.Account.Work.TryReadStateAsync(JobRig.Key("a"), Cancel))!.OpenAttempts);
        Assert.Same(QueueOutcome.Done, await rig.DeliverAsync(outcome));
        Assert.Equal((JobStatus.Succeeded, 2), ((await rig.ReadAsync("a")).Status, (await rig.ReadAsync("a")).Attempts));
    }

    [Fact]
    public async Task Handle_StorageIsAway_GoesOnSoonHoweverOftenItWas()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { BeforeEnd = _ => throw new StorageException("Storage is away.") { IsOutage = true } };
        await using JobRig rig = await StartAsync(engine);

        QueueOutcome outcome = await rig.DeliverAsync(JobRig.Message("a", more: $",\"retries\":{RetryBackoff.MaxRetries}"));

        Assert.InRange(((QueueOutcome.Replaced)outcome).After, TimeSpan.Zero, TimeSpan.FromSeconds(4));
        Assert.Equal(RetryBackoff.MaxRetries, JobMessage.Parse(JobRig.Text(outcome)).Retries);
    }

    [Fact]
    public async Task Handle_DeviceLost_GoesOnInANewMessageAndTheAppStops()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { BeforeAnswer = _ => throw new DeviceException("The device was lost.") };
        await using JobRig rig = await StartAsync(engine);

        Assert.Equal(1, JobMessage.Parse(JobRig.Text(await rig.DeliverAsync(JobRig.Message("a")))).Retries);

        Assert.NotEqual(0, rig.App.App.Services.GetRequiredService<FatalStop>().ExitCode);
        Assert.Equal(0, await rig.Account.CountResultsAsync());
    }

    [Fact]
    public async Task Handle_RetriedTooOften_IsAFailedResult()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { BeforeAnswer = _ => throw new StorageException("Storage is away.") };
        await using JobRig rig = await StartAsync(engine);

        Assert.Same(QueueOutcome.Done, await rig.DeliverAsync(JobRig.Message("a", more: $",\"retries\":{RetryBackoff.MaxRetries}")));

        Assert.Equal("retries_exhausted", await ErrorCodeAsync(rig, "a"));
    }

    [Fact]
    public async Task Handle_Stops_GivesTheAttemptBack()
    {
        using var stop = new CancellationTokenSource();
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { BeforeAnswer = token => Task.WhenAll(stop.CancelAsync(), Task.Delay(Timeout.Infinite, token)) };
        await using JobRig rig = await StartAsync(engine);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => rig.DeliverAsync(JobRig.Message("a"), cancellationToken: stop.Token));

        Assert.Equal(0, (await rig.Account.Work.TryReadStateAsync(JobRig.Key("a"), Cancel))!.OpenAttempts);
    }

    [Fact]
    public async Task Handle_WorkersDiedWithIt_IsAFailedResultThatSaysSo()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using JobRig rig = await StartAsync(engine);
        for (int death = 0; death < JobQueue.DefaultMaxDequeueCount; death++)
            await rig.Account.Work.BeginAsync(JobRig.Job("a"), null, Cancel);

        Assert.Same(QueueOutcome.Done, await rig.DeliverAsync(JobRig.Message("a"), dequeueCount: 2));

        Assert.Equal((0, "worker_died"), (engine.Generations, await ErrorCodeAsync(rig, "a")));
        Assert.Contains("5 times", (await rig.ResultAsync("a")).GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Handle_CopiesOfItAreWorkedOn_IsNotTakenForDead()
    {
        await using JobRig rig = await StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        for (int copy = 0; copy < JobQueue.DefaultMaxDequeueCount; copy++)
            await rig.Account.Work.BeginAsync(JobRig.Job("a"), null, Cancel);

        await rig.DeliverAsync(JobRig.Message("a"));

        Assert.Equal(JobStatus.Succeeded, (await rig.ReadAsync("a")).Status);
    }

    [Fact]
    public async Task Handle_Defect_UsesUpATry()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { BeforeAnswer = _ => throw new InvalidDataException("A defect.") };
        await using JobRig rig = await StartAsync(engine);

        await Assert.ThrowsAsync<InvalidDataException>(() => rig.DeliverAsync(JobRig.Message("a")));

        Assert.Equal(1, (await rig.Account.Work.TryReadStateAsync(JobRig.Key("a"), Cancel))!.OpenAttempts);
    }

    [Fact]
    public async Task Handle_CancelledElsewhereWhileItRuns_StopsAndStaysCancelled()
    {
        await using JobRig rig = await StartAsync(WaitingEngine(out Task begun));
        Task<QueueOutcome> handling = rig.DeliverAsync(JobRig.Message("a"));
        await begun.WaitAsync(Cancel);

        // By another process: this one has to look.
        await rig.Account.Jobs.CancelAsync(JobRig.Key("a"), Cancel);

        Assert.Same(QueueOutcome.Done, await handling);
        Assert.Equal(JobStatus.Cancelled, (await rig.ReadAsync("a")).Status);
    }

    [Fact]
    public async Task Handle_CancelledBefore_IsNotRun()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using JobRig rig = await StartAsync(engine);
        await rig.Account.SubmitAsync("a", JobRig.Chat);
        await rig.Account.Jobs.CancelAsync(JobRig.Key("a"), Cancel);

        Assert.Same(QueueOutcome.Done, await rig.DeliverAsync(JobRig.Message("a")));

        Assert.Equal(0, engine.Generations);
    }

    [Fact]
    public async Task Handle_FailedAndQueuedAnew_RunsAgain()
    {
        int failures = 0;
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { BeforeAnswer = _ => failures++ == 0 ? throw new GenerationException("No.") : Task.CompletedTask };
        await using JobRig rig = await StartAsync(engine);
        // A message alone: its request is kept because it failed.
        await rig.DeliverAsync(JobRig.Message("a"));
        Assert.Equal("generation_failed", await ErrorCodeAsync(rig, "a"));

        await rig.Account.Jobs.RequeueAsync(JobRig.Key("a"), Cancel);
        QueueLease lease = (await rig.Account.Messages.ReceiveAsync(1, TimeSpan.FromMinutes(1), Cancel)).Single();
        await rig.DeliverAsync(lease.ReadText());
        await rig.DeliverAsync(lease.ReadText(), dequeueCount: 2);

        Assert.Equal((JobStatus.Succeeded, 1, 2), ((await rig.ReadAsync("a")).Status, (await rig.ReadAsync("a")).Attempts, engine.Generations));
    }

    [Fact]
    public async Task Handle_EveryReplyLostOnce_GivesTheSameResult()
    {
        await using JobRig rig = await StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        var seen = new HashSet<string>();
        rig.Faults.Play(FaultTransport.LoseReply, request => seen.Add($"{request.Method} {request.Uri}"));

        Assert.Same(QueueOutcome.Done, await rig.DeliverAsync(JobRig.Message("a")));

        Assert.Equal((JobStatus.Succeeded, 1), ((await rig.ReadAsync("a")).Status, (await rig.ReadAsync("a")).Attempts));
    }

    [Fact]
    public async Task Handle_WorkerDiesAfterAnyCall_TheNextGivesTheSameAnswer()
    {
        (string quiet, int calls) = await RunAsync(dieAfter: int.MaxValue);
        Assert.True(calls > 4, $"{calls} calls");

        for (int dieAfter = 0; dieAfter < calls; dieAfter++)
            Assert.Equal((dieAfter, quiet), (dieAfter, (await RunAsync(dieAfter)).Response));
    }

    /// <summary>Runs a job by a worker that dies after so many calls to storage, and then by another; gives its answer.</summary>
    private async Task<(string Response, int Calls)> RunAsync(int dieAfter)
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        int calls = 0;
        await using (JobRig dying = await JobRig.StartAsync(account, new ScriptedEngine(Vocabulary.Tokenizer)))
        {
            dying.Faults.Play((_, send) => Interlocked.Increment(ref calls) <= dieAfter ? send() : throw new WorkerDiedException(), _ => true);
            await Record.ExceptionAsync(() => dying.DeliverAsync(JobRig.Message("a")));
        }
        await using JobRig next = await JobRig.StartAsync(account, new ScriptedEngine(Vocabulary.Tokenizer));
        Assert.Same(QueueOutcome.Done, await next.DeliverAsync(JobRig.Message("a"), dequeueCount: 2));
        Assert.Equal(1, await account.CountResultsAsync());
        JsonElement response = (await next.ResultAsync("a")).GetProperty("response");
        return (string.Join(' ', response.EnumerateObject().Where(field => field.Name != "created").Select(field => field.Value.GetRawText())), calls);
    }

    private async Task<JobRig> StartAsync(ScriptedEngine engine) =>
        await JobRig.StartAsync(await StorageAccount.CreateAsync(azurite.NewConnectionString()), engine);

    private static async Task<string?> ErrorCodeAsync(JobRig rig, string id) => (await rig.ResultAsync(id)).GetProperty("error").GetProperty("code").GetString();

    /// <summary>An engine whose answers never end.</summary>
    private static ScriptedEngine WaitingEngine(out Task begun)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        begun = started.Task;
        return new ScriptedEngine(Vocabulary.Tokenizer)
        {
            BeforeAnswer = token =>
            {
                started.TrySetResult();
                return Task.Delay(Timeout.Infinite, token);
            },
        };
    }

    private sealed class WorkerDiedException : Exception;
}
