using System.Text;
using System.Text.Json;
using Azure.Storage.Queues;
using Gemma2.Service.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests.Jobs;

/// <summary>What reaches the poison queue is settled: queued anew, failed with a reason, or a dead letter.</summary>
public sealed class JobPoisonTests(AzuriteFixture azurite)
{
    private const string Poison = StorageNames.CompletionRequests + StorageNames.PoisonSuffix;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Handle_JobThatReachedNoWorker_IsQueuedAnew()
    {
        await using JobRig rig = await StartAsync();

        await SettleAsync(rig, JobRig.Message("a"));

        Assert.Equal((1, 0, 0), (await rig.Account.CountAsync(StorageNames.CompletionRequests), await rig.Account.CountAsync(Poison), await rig.Account.CountResultsAsync()));
    }

    [Fact]
    public async Task Handle_JobThatReachedNoWorkerTooOften_IsAFailedResult()
    {
        await using JobRig rig = await StartAsync();

        await SettleAsync(rig, JobRig.Message("a", more: $",\"retries\":{RetryBackoff.MaxRetries}"));

        Assert.Equal("not_delivered", (await rig.ResultAsync("a")).GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Handle_JobThatWorkersDiedWith_IsAFailedResultAndCanBeQueuedAnew()
    {
        await using JobRig rig = await StartAsync();
        for (int death = 0; death < JobQueue.DefaultMaxDequeueCount; death++)
            await rig.Account.Work.BeginAsync(JobRig.Job("a"), null, Cancel);

        await SettleAsync(rig, JobRig.Message("a"));

        Assert.Equal("worker_died", (await rig.ResultAsync("a")).GetProperty("error").GetProperty("code").GetString());
        await rig.Account.Jobs.RequeueAsync(JobRig.Key("a"), Cancel);
        Assert.Equal(JobStatus.Queued, (await rig.ReadAsync("a")).Status);
    }

    [Fact]
    public async Task Handle_JobWithAResult_KeepsIt()
    {
        await using JobRig rig = await StartAsync();
        await rig.DeliverAsync(JobRig.Message("a"));

        await SettleAsync(rig, JobRig.Message("a"));

        Assert.Equal(JobStatus.Succeeded, (await rig.ReadAsync("a")).Status);
    }

    [Theory]
    [InlineData("no JSON", "not valid JSON: it is neither JSON nor base64 of JSON")]
    [InlineData("""{"id":"../x","request":{}}""", "'id' is not usable")]
    public async Task Handle_NoJob_IsADeadLetterWithItsReason(string text, string reason)
    {
        await using JobRig rig = await StartAsync();

        await SettleAsync(rig, text);

        JsonElement letter = (await rig.Account.WaitForBlobsAsync(StorageNames.DeadLetters)).Single();
        Assert.Equal((StorageNames.CompletionRequests, text), (letter.GetProperty("queue").GetString(), letter.GetProperty("body").GetString()));
        Assert.Contains(reason, letter.GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Handle_StorageIsAway_KeepsTheMessage()
    {
        await using JobRig rig = await StartAsync();
        rig.Faults.Play(FaultTransport.Answer(503, "ServerBusy"), _ => true);

        await Assert.ThrowsAsync<StorageException>(() => rig.PoisonHandler.HandleAsync(new QueueDelivery("no JSON", 1), Cancel));
    }

    [Fact]
    public async Task Poll_BodyThatIsNoText_EndsAsADeadLetterAsItWas()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await new QueueClient(account.ConnectionString, Poison).SendMessageAsync("{not base64}", Cancel);
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting);

        JsonElement letter = (await account.WaitForBlobsAsync(StorageNames.DeadLetters)).Single();

        Assert.Equal("{not base64}", letter.GetProperty("body").GetString());
        await account.WaitForEmptyQueueAsync(Poison);
    }

    [Fact]
    public async Task Poll_FailingPoisonMessage_StaysWhereItIs()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        JobQueue poison = account.Messages.Poison;
        await poison.SendAsync(Encoding.UTF8.GetBytes("x"), TimeSpan.Zero, Cancel);

        for (int failure = 1; failure <= JobQueue.DefaultMaxDequeueCount + 2; failure++)
        {
            QueueLease lease = (await poison.ReceiveAsync(1, TimeSpan.FromMinutes(1), Cancel)).Single();
            Assert.Equal((failure, FailOutcome.Released), (lease.DequeueCount, await lease.FailAsync(TimeSpan.Zero, Cancel)));
        }
    }

    private async Task<JobRig> StartAsync() =>
        await JobRig.StartAsync(await StorageAccount.CreateAsync(azurite.NewConnectionString()), new ScriptedEngine(Vocabulary.Tokenizer));

    private static async Task SettleAsync(JobRig rig, string text) =>
        Assert.Same(QueueOutcome.Done, await rig.PoisonHandler.HandleAsync(new QueueDelivery(text, 1, MessageId: $"{Guid.NewGuid()}"), Cancel));
}
