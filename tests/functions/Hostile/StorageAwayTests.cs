using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using Azure.Storage.Queues;
using Gemma2.Functions.Tests.Batches;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests.Hostile;

/// <summary>Storage that is away, that hangs, and in whose place something else answers, as clients and workers meet it.</summary>
public sealed class StorageAwayTests(AzuriteFixture azurite)
{
    /// <summary>How long an outage in the middle of work lasts here; longer by hand.</summary>
    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(
        int.Parse(Environment.GetEnvironmentVariable("GEMMA2_OUTAGE_SECONDS") ?? "8", CultureInfo.InvariantCulture));

    /// <summary>The promise is 15 s; a busy machine may need some more.</summary>
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(30);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Request_StorageDoesNotAnswer_Is503InTime()
    {
        string direct = azurite.NewConnectionString();
        await StorageAccount.CreateAsync(direct);
        await using StorageProxy proxy = StorageProxy.Start(direct);
        await using TestApp app = await TestApp.StartAsync(
            new ScriptedEngine(Vocabulary.Tokenizer), $"AzureWebJobsStorage={proxy.ConnectionString}", TestApp.WithoutPollers, "Gemma2:RequestSeconds=1");
        proxy.Play(Lies.Hang, _ => true);

        foreach ((string method, string path, string? body) in new[]
        {
            ("GET", "/v1/jobs/a", null), ("DELETE", "/v1/jobs/a", null), ("POST", "/v1/jobs", """{"model":"scripted","prompt":"Hi"}"""),
            ("GET", "/v1/files", null), ("GET", "/v1/files/file-1", null), ("GET", "/v1/files/file-1/content", null), ("DELETE", "/v1/files/file-1", null),
            ("GET", "/v1/batches", null), ("GET", "/v1/batches/batch_1", null), ("POST", "/v1/batches/batch_1/cancel", "{}"),
            ("POST", "/v1/batches", """{"input_file_id":"file-1","endpoint":"/v1/completions","completion_window":"24h"}"""),
        })
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), path);
            if (body is not null)
                request.Content = new StringContent(body, Encoding.UTF8, "application/json");
            using HttpResponseMessage response = await app.Client.SendAsync(request, Cancel);
            await ErrorShape.AssertAsync(response, 503, null, "timeout");
            Assert.NotNull(response.Headers.RetryAfter);
        }

        // What needs no storage works.
        using HttpResponseMessage completion = await app.PostAsync("/v1/completions", """{"model":"scripted","prompt":"Hi"}""");
        Assert.Equal(HttpStatusCode.OK, completion.StatusCode);
        proxy.Stop();
        using HttpResponseMessage missing = await app.Client.GetAsync("/v1/jobs/a", Cancel);
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
    }

    [Fact]
    public async Task Batch_ProxyAnswersNotFound_LosesNothing()
    {
        BatchAccount account = await BatchAccount.CreateAsync(azurite.NewConnectionString());
        await using StorageProxy proxy = StorageProxy.Start(account.ConnectionString);
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        int answers = 0;
        // In the middle of the work every look at the record is answered so, four times in a row.
        engine.BeforeAnswer = _ =>
        {
            if (Interlocked.Increment(ref answers) % 10 == 5)
                proxy.Play(Lies.BareNotFound, call => call.Names("batch.json"), times: 4);
            return Task.CompletedTask;
        };
        await using TestApp app = await TestApp.StartAsync(engine, $"AzureWebJobsStorage={proxy.ConnectionString}", "Gemma2:BatchChunkSeconds=1");
        BatchRecord batch = await account.StartAsync(null, Enumerable.Range(0, 40).Select(i => BatchAccount.Line($"{i}")));

        BatchRecord ended = await account.WaitForEndAsync(batch);

        Assert.Equal((BatchStatus.Completed, new BatchCounts(40, 40, 0)), (ended.Status, ended.Counts));
        Assert.True(proxy.Played > 0);
    }

    [Theory]
    [InlineData("hangs")]
    [InlineData("is gone")]
    public async Task Work_StorageIsBack_GoesOnSoonAndLosesNothing(string how)
    {
        BatchAccount account = await BatchAccount.CreateAsync(azurite.NewConnectionString());
        StorageAccount jobs = await StorageAccount.CreateAsync(account.ConnectionString);
        await using StorageProxy proxy = StorageProxy.Start(account.ConnectionString);
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { BeforeAnswer = token => Task.Delay(100, token) };
        await using TestApp app = await TestApp.StartAsync(engine, $"AzureWebJobsStorage={proxy.ConnectionString}", "Gemma2:QueueLeaseSeconds=10", "Gemma2:MaxSequences=4");
        BatchRecord batch = await account.StartAsync(null, Enumerable.Range(0, 150).Select(i => BatchAccount.Line($"{i}")));
        for (int i = 0; i < 20; i++)
            await jobs.SubmitAsync($"before-{i}", """{"messages":[{"role":"user","content":"Hi"}]}""");
        await account.WaitAsync(batch, now => now.Counts.Completed > 0);

        proxy.Play(how == "hangs" ? Lies.Hang : Lies.All["broken connection"], _ => true);
        await Task.Delay(Outage, Cancel);
        long done = (await account.Store.TryReadAsync(batch.Key, Cancel))!.Counts.Completed;
        await jobs.SubmitAsync("after", """{"messages":[{"role":"user","content":"Hi"}]}""");
        proxy.Stop();
        var back = Stopwatch.StartNew();

        await account.WaitAsync(batch, now => now.Counts.Completed > done);
        TimeSpan batchWentOn = back.Elapsed;
        await jobs.WaitForResultAsync("after");
        TestContext.Current.TestOutputHelper?.WriteLine($"{Outage.TotalSeconds} s {how}: the batch went on after {batchWentOn.TotalSeconds:0.0} s, a job after {back.Elapsed.TotalSeconds:0.0} s");
        Assert.InRange(back.Elapsed, TimeSpan.Zero, Recovery);
        BatchRecord ended = await account.WaitForEndAsync(batch);
        Assert.Equal((BatchStatus.Completed, new BatchCounts(150, 150, 0)), (ended.Status, ended.Counts));
        Assert.Equal(150, (await account.ReadAsync(ended, ended.OutputFileId)).Select(line => line.GetProperty("custom_id").GetString()).Distinct().Count());
        for (int i = 0; i < 20; i++)
            Assert.Equal("succeeded", (await jobs.WaitForResultAsync($"before-{i}")).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Message_BadBodyWithAGoodId_IsAFailedResultAndADeadLetterWithTheSendersId()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting);
        var queue = new QueueClient(account.ConnectionString, StorageNames.CompletionRequests);

        string sent = (await queue.SendMessageAsync("""{"id":"bad","request":"none"}""", Cancel)).Value.MessageId;

        var result = await account.WaitForResultAsync("bad");
        Assert.Equal(("failed", "The job message's 'request' is not a JSON object."), (result.GetProperty("status").GetString(), result.GetProperty("error").GetProperty("message").GetString()));
        var letter = Assert.Single(await account.WaitForBlobsAsync(StorageNames.DeadLetters));
        Assert.Equal(
            (sent, "The job message's 'request' is not a JSON object.", """{"id":"bad","request":"none"}"""),
            (letter.GetProperty("messageId").GetString(), letter.GetProperty("reason").GetString(), letter.GetProperty("body").GetString()));
        await account.WaitForEmptyQueueAsync();
        Assert.Equal(0, await account.CountAsync(StorageNames.CompletionRequests + StorageNames.PoisonSuffix));
    }

    [Fact]
    public async Task Message_BadBodyWithTheIdOfAGoodJob_LeavesThatJobAlone()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        var go = new TaskCompletionSource();
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { BeforeAnswer = _ => go.Task };
        await using TestApp app = await TestApp.StartAsync(engine, account.Setting);
        await account.SubmitAsync("good", """{"messages":[{"role":"user","content":"Hi"}]}""");

        await new QueueClient(account.ConnectionString, StorageNames.CompletionRequests).SendMessageAsync("""{"id":"good","request":"none"}""", Cancel);
        await account.WaitForBlobsAsync(StorageNames.DeadLetters);
        go.SetResult();

        Assert.Equal("succeeded", (await account.WaitForResultAsync("good")).GetProperty("status").GetString());
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("base64")]
    [InlineData("a mark before it")]
    [InlineData("a JSON string")]
    public async Task Message_InAnyWrapping_IsWorkedOn(string wrapping)
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting);
        const string job = """{"id":"a","request":{"messages":[{"role":"user","content":"Hi"}]}}""";
        string body = wrapping switch
        {
            "base64" => Convert.ToBase64String(Encoding.UTF8.GetBytes(job)),
            "a mark before it" => "\uFEFF" + job,
            "a JSON string" => System.Text.Json.JsonSerializer.Serialize(job),
            _ => job,
        };
        await new QueueClient(account.ConnectionString, StorageNames.CompletionRequests).SendMessageAsync(body, Cancel);

        Assert.Equal("succeeded", (await account.WaitForResultAsync("a")).GetProperty("status").GetString());
    }
}
