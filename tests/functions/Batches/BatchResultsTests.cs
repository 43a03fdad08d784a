using System.Text;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Service.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Jobs;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests.Batches;

/// <summary>Results can be read while a batch runs and after it, each line once, whatever order lines end in.</summary>
public sealed class BatchResultsTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1, 3)]
    [InlineData(2, 100)]
    [InlineData(3, 1)]
    public async Task Read_WhileChunksEndOutOfOrder_GivesEachLineOnce(int seed, int limit)
    {
        BatchAccount account = await NewAccountAsync();
        // Chunks of two lines, with blank ones between.
        BatchRecord batch = await account.StartAsync("team-a", Enumerable.Range(0, 20).SelectMany(i => new[]
        {
            i % 7 == 3 ? "no JSON" : BatchAccount.Line($"{i}", more: ",\"max_tokens\":200"), i % 5 == 0 ? "\n" : BatchAccount.Line($"b{i}", more: ",\"max_tokens\":200"),
        }));
        BatchRig rig = await BatchRig.CreateAsync(account, NewEngine());
        await rig.DeliverAsync();
        var results = new BatchResults(account.Connection);
        var random = new Random(seed);
        QueueLease[] chunks = [.. await rig.Work.Messages.ReceiveAsync(32, TimeSpan.FromHours(1), Cancel)];
        Assert.True(chunks.Length > 5, $"There are {chunks.Length} chunks.");
        random.Shuffle(chunks);
        var given = new List<string>();
        string after = "";
        BatchStatus status = BatchStatus.Validating;
        bool hasMore = false;

        foreach (QueueLease chunk in chunks)
        {
            await rig.Handler.HandleAsync(new QueueDelivery(chunk.ReadText(), 1), Cancel);
            await chunk.CompleteAsync(Cancel);
            // A page at a time: what is left comes later.
            await ReadAsync();
        }
        do
            await ReadAsync();
        while (hasMore || status != BatchStatus.Completed);

        BatchRecord ended = (await account.Store.TryReadAsync(batch.Key, Cancel))!;
        string[] expected = [.. (await account.ReadTextAsync(ended, ended.OutputFileId) + await account.ReadTextAsync(ended, ended.ErrorFileId)).Split('\n', StringSplitOptions.RemoveEmptyEntries)];
        Assert.Equal(ended.Counts.Total, expected.Length);
        Assert.Equal(expected.Order(StringComparer.Ordinal), given.Order(StringComparer.Ordinal));
        Assert.Empty((await results.TryReadAsync(batch.Key, after, limit, Cancel))!.Lines);

        async Task ReadAsync()
        {
            BatchResultPage page = (await results.TryReadAsync(batch.Key, after, limit, Cancel))!;
            Assert.True(page.Lines.Count <= limit);
            given.AddRange(page.Lines.Select(line => Encoding.UTF8.GetString(line.Span)));
            (after, status, hasMore) = (page.Next, page.Status, page.HasMore);
        }
    }

    [Fact]
    public async Task Read_WhileALineRuns_GivesThoseThatAreDone()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, Enumerable.Range(0, 4).Select(i => BatchAccount.Line($"{i}", more: ",\"max_tokens\":50")));
        ScriptedEngine engine = NewEngine();
        var release = new TaskCompletionSource();
        int begun = 0;
        // The first line is slow.
        engine.BeforeAnswer = token => Interlocked.Increment(ref begun) == 1 ? release.Task.WaitAsync(token) : Task.CompletedTask;
        BatchRig rig = await BatchRig.CreateAsync(account, engine);
        await rig.DeliverAsync();
        Task working = rig.DrainAsync();
        await account.WaitAsync(batch, now => now.Counts.Completed == 3);
        var results = new BatchResults(account.Connection);

        BatchResultPage first = (await results.TryReadAsync(batch.Key, null, 100, Cancel))!;
        BatchResultPage none = (await results.TryReadAsync(batch.Key, first.Next, 100, Cancel))!;
        release.SetResult();
        await working;
        BatchResultPage last = (await results.TryReadAsync(batch.Key, none.Next, 100, Cancel))!;

        Assert.Equal((BatchStatus.InProgress, false, 3, 0), (first.Status, first.HasMore, first.Lines.Count, none.Lines.Count));
        Assert.Equal((BatchStatus.Completed, false, 1), (last.Status, last.HasMore, last.Lines.Count));
        Assert.Equal(["0", "1", "2", "3"], first.Lines.Concat(last.Lines).Select(CustomId).Order());
        // A line's number is enough for who has all up to it.
        Assert.Equal(["2", "3"], (await results.TryReadAsync(batch.Key, "2", 100, Cancel))!.Lines.Select(CustomId));
    }

    [Theory]
    [InlineData("x")]
    [InlineData("-1")]
    [InlineData("1,")]
    [InlineData("5,3")]
    [InlineData("5,6")]
    [InlineData("1,9-7")]
    [InlineData("99999999999999999999")]
    [InlineData("1@")]
    [InlineData("1@2")]
    [InlineData("1@2-3-4")]
    [InlineData("1@2-3@4-5")]
    [InlineData("0@1-0")]
    [InlineData("0@100000-0")]
    [InlineData("batch_req_00000000000000000000000000000000")]
    public async Task Read_WhatNobodyGaveOut_IsRefusedOrEmpty(string after)
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.StartAsync(null, BatchAccount.Line("a"));
        await (await BatchRig.CreateAsync(account, NewEngine())).DrainAsync();
        var results = new BatchResults(account.Connection);

        if (after == "0@100000-0")
            Assert.Empty((await results.TryReadAsync(batch.Key, after, 100, Cancel))!.Lines);
        else
            Assert.Equal("after", (await Assert.ThrowsAsync<InvalidRequestException>(() => results.TryReadAsync(batch.Key, after, 100, Cancel))).Parameter);
    }

    [Fact]
    public async Task Get_OverHttp_HasItsShape()
    {
        BatchAccount account = await NewAccountAsync();
        await using TestApp app = await TestApp.StartAsync(NewEngine(), account.Setting);
        BatchRecord batch = await account.WaitForEndAsync(await account.StartAsync(null, BatchAccount.Line("a"), "bad", BatchAccount.Line("b")));

        JsonElement page = JsonElement.Parse(await app.Client.GetStringAsync($"/v1/batches/{batch.Key.Id}/results?after=&limit=2", Cancel));
        JsonElement rest = JsonElement.Parse(await app.Client.GetStringAsync(
            $"/v1/batches/{batch.Key.Id}/results?after={Uri.EscapeDataString(page.GetProperty("next_after").GetString()!)}", Cancel));

        Assert.Equal(["object", "data", "has_more", "next_after", "batch_status"], page.EnumerateObject().Select(field => field.Name));
        Assert.Equal(("list", true, "completed"), (page.GetProperty("object").GetString(), page.GetProperty("has_more").GetBoolean(), page.GetProperty("batch_status").GetString()));
        Assert.Equal(["a", null], page.GetProperty("data").EnumerateArray().Select(line => line.GetProperty("custom_id").GetString()));
        Assert.Equal("b", Assert.Single(rest.GetProperty("data").EnumerateArray()).GetProperty("custom_id").GetString());
        foreach ((string path, int status, string? parameter) in new[] { ($"{batch.Key.Id}/results?after=x", 400, "after"), ($"{batch.Key.Id}/results?limit=1001", 400, "limit"), ("batch_none/results", 404, "id") })
        {
            using HttpResponseMessage refused = await app.Client.GetAsync($"/v1/batches/{path}", Cancel);
            await ErrorShape.AssertAsync(refused, status, parameter, status == 404 ? "not_found" : null);
        }
    }

    private static string? CustomId(ReadOnlyMemory<byte> line) => JsonElement.Parse(line.Span).GetProperty("custom_id").GetString();

    private Task<BatchAccount> NewAccountAsync() => BatchAccount.CreateAsync(azurite.NewConnectionString());

    private static ScriptedEngine NewEngine() => new(Vocabulary.Tokenizer);
}
