using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Text;
using Gemma2.Service.Batches;
using Gemma2.Service.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Jobs;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gemma2.Functions.Tests.Batches;

/// <summary>What becomes of a batch whose lines, worker, time or input fail it.</summary>
public sealed class BatchFaultTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Lines_ThatFail_AreErrorsBesideTheOthersAnswers()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, BatchAccount.Line("good"), BatchAccount.Line("long", more: ",\"max_tokens\":100000"), "{", BatchAccount.Line("good"));
        BatchRig rig = await BatchRig.CreateAsync(account, NewEngine());

        await rig.DrainAsync();

        BatchRecord ended = (await account.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal((BatchStatus.Completed, new BatchCounts(4, 1, 3)), (ended.Status, ended.Counts));
        Assert.Equal([(3, "invalid_json_line"), (4, "duplicate_custom_id")], ended.Errors.Select(error => (error.Line!.Value, error.Code)));
        IReadOnlyList<JsonElement> errors = await account.ReadAsync(ended, ended.ErrorFileId);
        Assert.Equal(["long", null, "good"], errors.Select(line => line.GetProperty("custom_id").GetString()));
        // The request's own failure is the response that it would have had.
        JsonElement response = errors[0].GetProperty("response");
        Assert.Equal(400, response.GetProperty("status_code").GetInt32());
        Assert.Equal("context_length_exceeded", response.GetProperty("body").GetProperty("error").GetProperty("code").GetString());
        Assert.Equal(JsonValueKind.Null, errors[0].GetProperty("error").ValueKind);
        // A bad line was no request.
        Assert.Equal(JsonValueKind.Null, errors[1].GetProperty("response").ValueKind);
        Assert.Equal(("invalid_json_line", 3), (errors[1].GetProperty("error").GetProperty("code").GetString(), errors[1].GetProperty("error").GetProperty("line").GetInt32()));
        Assert.Equal(4, errors[2].GetProperty("error").GetProperty("line").GetInt32());
    }

    [Fact]
    public async Task Lines_AllBad_FailTheBatchWithReasons()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, Enumerable.Repeat("{}", 150));
        BatchRig rig = await BatchRig.CreateAsync(account, NewEngine());

        await rig.DrainAsync();

        BatchRecord ended = (await account.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal((BatchStatus.Failed, new BatchCounts(150, 0, 150)), (ended.Status, ended.Counts));
        Assert.Equal(100, ended.Errors.Count);
        Assert.Equal((1, "invalid_request", "custom_id"), (ended.Errors[0].Line, ended.Errors[0].Code, ended.Errors[0].Parameter));
        Assert.Equal((null, null, null), (ended.OutputFileId, ended.InProgressAt, ended.FinalizingAt));
        Assert.Equal(Enumerable.Range(1, 150), (await account.ReadAsync(ended, ended.ErrorFileId)).Select(line => line.GetProperty("error").GetProperty("line").GetInt32()));
        Assert.Equal([$"{batch.Key}/batch.json"], await account.NamesAsync(StorageNames.Batches));
    }

    [Theory]
    [InlineData("\n\n  \r\n", "empty_file")]
    [InlineData(null, "input_file_missing")]
    public async Task Input_WithNothingToRun_FailsTheBatch(string? content, string code)
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, content ?? "{}");
        if (content is null)
            await account.Files.DeleteAsync(new OwnedId(null, batch.InputFileId), Cancel);
        BatchRig rig = await BatchRig.CreateAsync(account, NewEngine());

        await rig.DrainAsync();

        BatchRecord ended = (await account.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal((BatchStatus.Failed, code), (ended.Status, Assert.Single(ended.Errors).Code));
    }

    [Fact]
    public async Task Input_DeletedWhileItRuns_EndsEveryLineWithAnError()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, Enumerable.Range(0, 4).Select(i => BatchAccount.Line($"{i}")));
        BatchRig rig = await BatchRig.CreateAsync(account, NewEngine());
        await rig.DeliverAsync();
        await account.Files.DeleteAsync(new OwnedId(null, batch.InputFileId), Cancel);

        await rig.DrainAsync();

        BatchRecord ended = (await account.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal((BatchStatus.Completed, new BatchCounts(4, 0, 4)), (ended.Status, ended.Counts));
        Assert.All(await account.ReadAsync(ended, ended.ErrorFileId), line => Assert.Equal("input_file_missing", Code(line)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Input_ExpiresWhileItIsNeeded_IsReadToItsEnd(int deliveries)
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, Enumerable.Range(0, 4).Select(i => BatchAccount.Line($"{i}")));
        BatchRig rig = await BatchRig.CreateAsync(account, NewEngine());
        for (int i = 0; i < deliveries; i++)
            await rig.DeliverAsync();
        var blob = new Azure.Storage.Blobs.BlobClient(account.ConnectionString, StorageNames.Files, batch.InputFileId);
        await blob.SetMetadataAsync(new Dictionary<string, string>((await blob.GetPropertiesAsync(cancellationToken: Cancel)).Value.Metadata) { ["lifetime"] = "0" }, cancellationToken: Cancel);
        Assert.Null(await account.Files.TryGetAsync(new OwnedId(null, batch.InputFileId), Cancel));

        await rig.DrainAsync();

        BatchRecord ended = (await account.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal((BatchStatus.Completed, new BatchCounts(4, 4, 0)), (ended.Status, ended.Counts));
    }

    [Fact]
    public async Task Cancel_WhileLinesRun_KeepsWhatIsDone()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, Enumerable.Range(0, 6).Select(i => BatchAccount.Line($"{i}", more: ",\"max_tokens\":50")));
        int begun = 0;
        ScriptedEngine engine = NewEngine();
        engine.BeforeAnswer = async token =>
        {
            // The first line is answered; with the second in hand the batch is cancelled, and it never ends by itself.
            if (Interlocked.Increment(ref begun) == 1)
                return;
            await account.WaitAsync(batch, now => now.Counts.Completed == 1);
            await account.Store.CancelAsync(batch.Key, Cancel);
            await Task.Delay(Timeout.Infinite, token);
        };
        BatchRig rig = await BatchRig.CreateAsync(account, engine);

        await rig.DrainAsync();

        BatchRecord ended = (await account.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal((BatchStatus.Cancelled, new BatchCounts(6, 1, 5)), (ended.Status, ended.Counts));
        // Two lines run at once: either may be the first.
        string? kept = Assert.Single(await account.ReadAsync(ended, ended.OutputFileId)).GetProperty("custom_id").GetString();
        IReadOnlyList<JsonElement> errors = await account.ReadAsync(ended, ended.ErrorFileId);
        Assert.Equal(new[] { "0", "1", "2", "3", "4", "5" }.Where(id => id != kept), errors.Select(line => line.GetProperty("custom_id").GetString()));
        Assert.All(errors, line => Assert.Equal("batch_cancelled", Code(line)));
        Assert.Equal([$"{batch.Key}/batch.json"], await account.NamesAsync(StorageNames.Batches));
    }

    [Fact]
    public async Task Cancel_BeforeItBegins_EndsItWithoutRunningALine()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, BatchAccount.Line("a"), BatchAccount.Line("b"));
        await account.Store.CancelAsync(batch.Key, Cancel);
        ScriptedEngine engine = NewEngine();
        BatchRig rig = await BatchRig.CreateAsync(account, engine);

        await rig.DrainAsync();

        BatchRecord ended = (await account.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal((BatchStatus.Cancelled, new BatchCounts(2, 0, 2), 0), (ended.Status, ended.Counts, engine.Generations));
        Assert.Null(ended.OutputFileId);
    }

    [Fact]
    public async Task Window_HasEnded_LeavesTheRestAsExpired()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, Enumerable.Range(0, 6).Select(i => BatchAccount.Line($"{i}", more: ",\"max_tokens\":200")));
        BatchRig rig = await BatchRig.CreateAsync(account, NewEngine());
        await rig.DeliverAsync();
        // One chunk is done; then the window ends.
        IReadOnlyList<QueueLease> chunks = await rig.Work.Messages.ReceiveAsync(32, TimeSpan.FromHours(1), Cancel);
        Assert.True(chunks.Count > 1);
        await rig.Handler.HandleAsync(new QueueDelivery(chunks[0].ReadText(), 1), Cancel);
        await new BatchRecords(account.Connection).UpdateAsync(
            batch.Key, record => record.ExpiresAt == record.CreatedAt ? record : record with { ExpiresAt = record.CreatedAt }, Cancel);
        foreach (QueueLease chunk in chunks)
            await chunk.RenewAsync(TimeSpan.Zero, Cancel);

        await rig.DrainAsync();

        BatchRecord ended = (await account.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal((BatchStatus.Expired, 6L), (ended.Status, ended.Counts.Completed + ended.Counts.Failed));
        Assert.True(ended.Counts is { Completed: > 0, Failed: > 0 }, $"{ended.Counts}");
        Assert.All(await account.ReadAsync(ended, ended.ErrorFileId), line => Assert.Equal("batch_expired", Code(line)));
    }

    [Fact]
    public async Task Line_ThatEndsItsWorkers_FailsAloneInTheEnd()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, Enumerable.Range(0, 5).Select(i => BatchAccount.Line($"{i}", i == 2 ? "deadly" : "Hi")));
        int deaths = 0;
        bool ended = false;
        while (!ended)
        {
            // A worker whose process ends as soon as the line runs: nothing of it reaches storage from then on.
            bool dead = false;
            var transport = new FaultTransport();
            transport.Play((_, _) => throw new WorkerDiedException(), _ => Volatile.Read(ref dead));
            ScriptedEngine engine = NewEngine();
            int deadly = Vocabulary.Tokenizer.Encode("deadly")[^1];
            engine.AnswerTo = request =>
            {
                if (!request.PromptTokens.Contains(deadly))
                    return "Hello";
                Volatile.Write(ref dead, true);
                throw new WorkerDiedException();
            };
            BatchRig worker = await BatchRig.CreateAsync(account, engine, transport);
            while (!dead && await worker.DeliverAsync(() => dead) > 0)
            {
            }
            deaths += dead ? 1 : 0;
            ended = !dead;
        }

        BatchRecord record = (await account.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal((BatchStatus.Completed, new BatchCounts(5, 4, 1)), (record.Status, record.Counts));
        JsonElement error = Assert.Single(await account.ReadAsync(record, record.ErrorFileId));
        Assert.Equal(("2", "worker_ended"), (error.GetProperty("custom_id").GetString(), Code(error)));
        Assert.InRange(deaths, 4, 12);
    }

    [Fact]
    public async Task Worker_TakesOverAHalfDoneChunk_RunsOnlyWhatIsLeft()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, Enumerable.Range(0, 4).Select(i => BatchAccount.Line($"{i}", more: ",\"max_tokens\":20")));
        ScriptedEngine first = NewEngine();
        var stuck = new TaskCompletionSource();
        int begun = 0;
        first.BeforeAnswer = async token =>
        {
            if (Interlocked.Increment(ref begun) <= 2)
                return;
            stuck.TrySetResult();
            await Task.Delay(Timeout.Infinite, token);
        };
        BatchRig silent = await BatchRig.CreateAsync(account, first);
        await silent.DeliverAsync();
        QueueLease chunk = Assert.Single(await silent.Work.Messages.ReceiveAsync(32, TimeSpan.FromHours(1), Cancel));
        using var end = new CancellationTokenSource();
        Task<QueueOutcome> working = silent.Handler.HandleAsync(new QueueDelivery(chunk.ReadText(), 1), end.Token);
        await stuck.Task.WaitAsync(Cancel);
        await account.WaitAsync(batch, now => now.Counts.Completed == 2);

        // The same message again, to another worker, while the first still holds it.
        ScriptedEngine second = NewEngine();
        BatchRig other = await BatchRig.CreateAsync(account, second);
        await other.Handler.HandleAsync(new QueueDelivery(chunk.ReadText(), 2), Cancel);

        Assert.Equal(2, second.Generations);
        // The first finds that it has lost the chunk, and lets the message go.
        Assert.Equal(QueueOutcome.Done, await working.WaitAsync(Cancel));
        BatchRecord ended = (await account.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal((BatchStatus.Completed, new BatchCounts(4, 4, 0)), (ended.Status, ended.Counts));
        Assert.Equal([$"{batch.Key}/batch.json"], await account.NamesAsync(StorageNames.Batches));
    }

    [Fact]
    public async Task Worker_FindsAChunkThatIsAnothers_WaitsWithoutUsingUpATry()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, BatchAccount.Line("a"));
        BatchRig rig = await BatchRig.CreateAsync(account, NewEngine(), lease: TimeSpan.FromMinutes(1));
        await rig.DeliverAsync();
        await rig.Work.Chunks.TryClaimAsync(batch.Key, 0, Cancel);
        QueueLease chunk = Assert.Single(await rig.Work.Messages.ReceiveAsync(32, TimeSpan.FromHours(1), Cancel));

        var replaced = Assert.IsType<QueueOutcome.Replaced>(await rig.Handler.HandleAsync(new QueueDelivery(chunk.ReadText(), 1), Cancel));

        Assert.Equal(chunk.ReadText(), System.Text.Encoding.UTF8.GetString(replaced.Message.Span));
        Assert.InRange(replaced.After, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(65));
    }

    [Fact]
    public async Task Stop_WhileLinesRun_LetsThemEndAndGivesTheChunkBackAtOnce()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, Enumerable.Range(0, 6).Select(i => BatchAccount.Line($"{i}", more: ",\"max_tokens\":20")));
        ScriptedEngine engine = NewEngine();
        BatchRig rig = await BatchRig.CreateAsync(account, engine, lease: TimeSpan.FromMinutes(1));
        engine.BeforeEnd = _ =>
        {
            rig.Lifetime.StopApplication();
            return Task.CompletedTask;
        };
        await rig.DeliverAsync();
        QueueLease chunk = Assert.Single(await rig.Work.Messages.ReceiveAsync(32, TimeSpan.FromHours(1), Cancel));

        var replaced = Assert.IsType<QueueOutcome.Replaced>(await rig.Handler.HandleAsync(new QueueDelivery(chunk.ReadText(), 1), Cancel));

        Assert.Equal(TimeSpan.Zero, replaced.After);
        BatchRecord now = (await account.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.InRange(now.Counts.Completed, 1, 2);
        // Nobody has to wait for the lease, and no attempt was used up.
        ChunkClaim claim = (await rig.Work.Chunks.TryClaimAsync(batch.Key, 0, Cancel)).Claim!;
        Assert.Equal((1, (int)now.Counts.Completed), (claim.Attempts, claim.Lines.Count));
    }

    [Fact]
    public async Task Device_Lost_KeepsTheLinesThatAreDoneAndTheAttempt()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, Enumerable.Range(0, 4).Select(i => BatchAccount.Line($"{i}", more: ",\"max_tokens\":20")));
        ScriptedEngine engine = NewEngine();
        int begun = 0;
        engine.BeforeAnswer = async _ =>
        {
            if (Interlocked.Increment(ref begun) <= 2)
                return;
            await account.WaitAsync(batch, now => now.Counts.Completed == 2);
            throw new DeviceException("The device was lost.");
        };
        BatchRig rig = await BatchRig.CreateAsync(account, engine, lease: TimeSpan.FromMinutes(1));
        await rig.DeliverAsync();
        QueueLease chunk = Assert.Single(await rig.Work.Messages.ReceiveAsync(32, TimeSpan.FromHours(1), Cancel));

        var replaced = Assert.IsType<QueueOutcome.Replaced>(await rig.Handler.HandleAsync(new QueueDelivery(chunk.ReadText(), 1), Cancel));

        Assert.Equal(1, BatchMessage.Parse(System.Text.Encoding.UTF8.GetString(replaced.Message.Span)).Retries);
        ChunkClaim claim = (await rig.Work.Chunks.TryClaimAsync(batch.Key, 0, Cancel)).Claim!;
        Assert.Equal((1, 2), (claim.Attempts, claim.Lines.Count));
    }

    [Fact]
    public async Task Messages_TriedTooOften_EndTheirWorkWithAReason()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, BatchAccount.Line("a"), BatchAccount.Line("b"));
        BatchRig rig = await BatchRig.CreateAsync(account, NewEngine());
        await rig.DeliverAsync();
        QueueLease chunk = Assert.Single(await rig.Work.Messages.ReceiveAsync(32, TimeSpan.FromHours(1), Cancel));
        BatchMessage tired = BatchMessage.Parse(chunk.ReadText()) with { Retries = RetryBackoff.MaxRetries + 1 };

        await rig.Handler.HandleAsync(new QueueDelivery(System.Text.Encoding.UTF8.GetString(tired.ToJson()), 1), Cancel);

        BatchRecord ended = (await account.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal(new BatchCounts(2, 0, 2), ended.Counts);
        Assert.All(await account.ReadAsync(ended, ended.ErrorFileId), line => Assert.Equal("gave_up", Code(line)));
    }

    [Fact]
    public async Task Split_TriedTooOften_FailsTheBatch()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, BatchAccount.Line("a"));
        BatchRig rig = await BatchRig.CreateAsync(account, NewEngine());
        var tired = new BatchMessage(batch.Key, Retries: RetryBackoff.MaxRetries + 1);

        await rig.Handler.HandleAsync(new QueueDelivery(System.Text.Encoding.UTF8.GetString(tired.ToJson()), 1), Cancel);

        BatchRecord ended = (await account.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal((BatchStatus.Failed, "gave_up"), (ended.Status, Assert.Single(ended.Errors).Code));
    }

    [Fact]
    public async Task Poison_BatchMessage_IsQueuedAnewAndAnythingElseIsADeadLetter()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, BatchAccount.Line("a"));
        BatchRig rig = await BatchRig.CreateAsync(account, NewEngine());
        await rig.DrainAsync();
        var poison = new BatchPoisonHandler(rig.Work, new DeadLetters(new DeadLetterStore(account.Connection), NullLogger<DeadLetters>.Instance));

        await poison.HandleAsync(new QueueDelivery(System.Text.Encoding.UTF8.GetString(new BatchMessage(batch.Key, Retries: 2).ToJson()), 1, MessageId: "1"), Cancel);
        await poison.HandleAsync(new QueueDelivery("no message", 1, MessageId: "2"), Cancel);
        await poison.HandleAsync(new QueueDelivery(System.Text.Encoding.UTF8.GetString(new BatchMessage(batch.Key, Retries: 1000).ToJson()), 1, MessageId: "3"), Cancel);

        Assert.Equal(["batch-requests/2.json", "batch-requests/3.json"], await account.NamesAsync(StorageNames.DeadLetters));
        var queue = new Azure.Storage.Queues.QueueClient(account.ConnectionString, StorageNames.BatchRequests);
        Assert.Equal(1, (await queue.GetPropertiesAsync(Cancel)).Value.ApproximateMessagesCount);
    }

    [Fact]
    public async Task Chunk_BatchIsNotFound_DeletesNothing()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, BatchAccount.Line("a"), BatchAccount.Line("b"));
        await (await BatchRig.CreateAsync(account, NewEngine())).DeliverAsync();
        IReadOnlyList<string> before = await account.NamesAsync(StorageNames.Batches);
        var faults = new FaultTransport();
        faults.Play(FaultTransport.Answer(404, "BlobNotFound"), request => request.Uri.Path.EndsWith("batch.json", StringComparison.Ordinal));
        BatchRig blind = await BatchRig.CreateAsync(account, NewEngine(), faults);

        await blind.DrainAsync();
        await blind.Sweep.RunAsync((key, error) => Assert.Fail($"{key}: {error.Message}"), Cancel);

        Assert.True(faults.Matched > 0);
        Assert.Equal(before, await account.NamesAsync(StorageNames.Batches));
        Assert.Equal(BatchStatus.InProgress, (await account.Store.TryReadAsync(batch.Key, Cancel))!.Status);
    }

    [Fact]
    public async Task Message_OfABatchThatIsGone_IsDoneWith()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRig rig = await BatchRig.CreateAsync(account, NewEngine());
        var chunk = new BatchMessage(new OwnedId(null, "batch_gone"), new BatchChunk(0, 0, 1, 1, 1, []));

        foreach (BatchMessage message in new[] { chunk, chunk with { Chunk = null } })
            Assert.Equal(QueueOutcome.Done, await rig.Handler.HandleAsync(new QueueDelivery(System.Text.Encoding.UTF8.GetString(message.ToJson()), 1), Cancel));

        Assert.Empty(await account.NamesAsync(StorageNames.Batches));
    }

    private Task<BatchAccount> NewAccountAsync() => BatchAccount.CreateAsync(azurite.NewConnectionString());

    private static ScriptedEngine NewEngine() => new(Vocabulary.Tokenizer);

    private static string? Code(JsonElement line) => line.GetProperty("error").GetProperty("code").GetString();

    private sealed class WorkerDiedException() : Exception("The worker has died.");
}
