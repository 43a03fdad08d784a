using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests.Batches;

/// <summary>A batch of the lines that have no answer: one, however often it is asked for.</summary>
public sealed class BatchRetryTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Retry_OfACancelledBatch_RunsTheLinesThatHaveNoAnswer()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.OrderAsync(
            new NewBatch("team-a", "/chat/completions", "", "2d", new Dictionary<string, string> { ["team"] = "red" }),
            [BatchAccount.Line("a"), "", .. Enumerable.Range(0, 5).Select(i => BatchAccount.Line($"{i}", more: ",\"max_tokens\":50"))]);
        int begun = 0;
        ScriptedEngine engine = NewEngine();
        engine.BeforeAnswer = async token =>
        {
            if (Interlocked.Increment(ref begun) <= 2)
                return;
            await account.WaitAsync(batch, now => now.Counts.Completed == 2);
            await account.Store.CancelAsync(batch.Key, Cancel);
            await Task.Delay(Timeout.Infinite, token);
        };
        await (await BatchRig.CreateAsync(account, engine)).DrainAsync();
        BatchRecord ended = (await account.Store.TryReadAsync(batch.Key, Cancel))!;
        Assert.Equal((BatchStatus.Cancelled, new BatchCounts(6, 2, 4)), (ended.Status, ended.Counts));
        var retries = new BatchRetry(account.Connection);

        BatchRecord?[] made = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => retries.RunAsync(batch.Key, Cancel)));
        await (await BatchRig.CreateAsync(account, NewEngine())).DrainAsync();

        BatchRecord again = (await retries.RunAsync(batch.Key, Cancel))!;
        Assert.All(made, retry => Assert.Equal(again.Key, retry?.Key));
        Assert.Equal((BatchStatus.Completed, new BatchCounts(4, 4, 0)), (again.Status, again.Counts));
        Assert.Equal(("team-a", "/chat/completions", "2d"), (again.Key.Owner, again.Endpoint, again.CompletionWindow));
        Assert.Equal([("retry_of", batch.Key.Id), ("team", "red")], again.Metadata!.Select(note => (note.Key, note.Value)).Order());
        string?[] ids = [.. (await account.ReadAsync(ended, ended.OutputFileId)).Concat(await account.ReadAsync(again, again.OutputFileId)).Select(CustomId)];
        Assert.Equal(["0", "1", "2", "3", "4", "a"], ids.Order());
        // Both batches, and the files of both.
        Assert.Equal(2, (await account.NamesAsync(StorageNames.Batches)).Count);
        Assert.Equal(5, (await account.NamesAsync(StorageNames.Files)).Count);
    }

    [Fact]
    public async Task Retry_OfABatchThatFailedAsAWhole_HasAllItsLines()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, "{}", "no JSON", "");
        await (await BatchRig.CreateAsync(account, NewEngine())).DrainAsync();

        BatchRecord retry = (await new BatchRetry(account.Connection).RunAsync(batch.Key, Cancel))!;

        Assert.Equal("{}\nno JSON\n", await account.ReadTextAsync(retry, retry.InputFileId));
    }

    [Fact]
    public async Task Retry_DiedAfterItWasDecided_IsMadeByTheNext()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, BatchAccount.Line("a"), "bad");
        await (await BatchRig.CreateAsync(account, NewEngine())).DrainAsync();
        await new BatchRecords(account.Connection).UpdateAsync(batch.Key, record => record.RetryId is null ? record with { RetryId = "batch_decided" } : record, Cancel);

        BatchRecord retry = (await new BatchRetry(account.Connection).RunAsync(batch.Key, Cancel))!;

        Assert.Equal("batch_decided", retry.Key.Id);
        Assert.Equal("bad\n", await account.ReadTextAsync(retry, retry.InputFileId));
    }

    [Fact]
    public async Task Retry_NothingToRetry_IsRefused()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord running = await account.StartAsync(null, BatchAccount.Line("a")), gone = await account.StartAsync(null, BatchAccount.Line("a"), "bad");
        var retries = new BatchRetry(account.Connection);

        Assert.Contains("has not ended", await RefusalAsync(running), StringComparison.Ordinal);
        await (await BatchRig.CreateAsync(account, NewEngine())).DrainAsync();
        Assert.Contains("no line that failed", await RefusalAsync(running), StringComparison.Ordinal);
        await account.Files.DeleteAsync(new OwnedId(null, gone.InputFileId), Cancel);
        Assert.Contains("was deleted", await RefusalAsync(gone), StringComparison.Ordinal);
        Assert.Null(await retries.RunAsync(new OwnedId(null, "batch_none"), Cancel));

        async Task<string> RefusalAsync(BatchRecord batch) => (await Assert.ThrowsAsync<InvalidRequestException>(() => retries.RunAsync(batch.Key, Cancel))).Message;
    }

    [Fact]
    public async Task Post_OverHttp_GivesTheNewBatch()
    {
        BatchAccount account = await NewAccountAsync();
        await using TestApp app = await TestApp.StartAsync(NewEngine(), account.Setting);
        BatchRecord batch = await account.WaitForEndAsync(await account.StartAsync(null, BatchAccount.Line("a"), BatchAccount.Line("a")));

        using HttpResponseMessage made = await app.Client.PostAsync($"/v1/batches/{batch.Key.Id}/retry", null, Cancel);
        using HttpResponseMessage none = await app.Client.PostAsync("/v1/batches/batch_none/retry", null, Cancel);

        JsonElement retry = JsonElement.Parse(await made.Content.ReadAsStringAsync(Cancel));
        Assert.Equal(("batch", batch.Key.Id), (retry.GetProperty("object").GetString(), retry.GetProperty("metadata").GetProperty("retry_of").GetString()));
        await ErrorShape.AssertAsync(none, 404, "id", "not_found");
        BatchRecord ended = await account.WaitAsync((await account.Store.TryReadAsync(new OwnedId(null, retry.GetProperty("id").GetString()!), Cancel))!, now => now.HasEnded);
        Assert.Equal(new BatchCounts(1, 1, 0), ended.Counts);
    }

    private static string? CustomId(JsonElement line) => line.GetProperty("custom_id").GetString();

    private Task<BatchAccount> NewAccountAsync() => BatchAccount.CreateAsync(azurite.NewConnectionString());

    private static ScriptedEngine NewEngine() => new(Vocabulary.Tokenizer);
}
