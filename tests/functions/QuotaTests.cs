using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Gemma2.Service.Batches;
using Gemma2.Service.Limits;
using Gemma2.Service.Options;
using Gemma2.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Gemma2.Functions.Tests;

/// <summary>How much a key may have in storage and in hand.</summary>
public sealed class QuotaTests(AzuriteFixture azurite)
{
    private const string Ann = "the-only-key-of-ann", Ben = "the-only-key-of-ben";
    private const string Keys = "Gemma2:ApiKeys=ann=" + Ann + ",ben=" + Ben;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Upload_MoreBytesThanAllowed_IsRefusedAndStoresNothing(bool chunked)
    {
        var time = new FakeTimeProvider();
        (TestApp app, StorageAccount account) = await StartAsync(time, "ann=3K/0/0");
        await using TestApp _app = app;

        using HttpResponseMessage first = await UploadAsync(app, Ann, 2000, chunked);
        using HttpResponseMessage second = await UploadAsync(app, Ann, 2000, chunked);
        using HttpResponseMessage others = await UploadAsync(app, Ben, 9000, chunked);
        using HttpResponseMessage small = await UploadAsync(app, Ann, 1000, chunked);

        await ErrorShape.AssertAsync(second, 403, "file", "quota_exceeded");
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.OK), (first.StatusCode, others.StatusCode, small.StatusCode));
        Assert.Equal(3, (await account.BlobsAsync(Storage.StorageNames.Files)).Count);
        string file = JsonElement.Parse(await first.Content.ReadAsStringAsync(Cancellation)).GetProperty("id").GetString()!;
        using HttpResponseMessage deleted = await SendAsync(app, Ann, HttpMethod.Delete, $"/v1/files/{file}");
        time.Advance(TimeSpan.FromSeconds(11));
        using HttpResponseMessage again = await UploadAsync(app, Ann, 2000, chunked);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (deleted.StatusCode, again.StatusCode));
    }

    [Fact]
    public async Task Submit_MoreJobsThanAllowed_IsRefusedUntilOneEnds()
    {
        var time = new FakeTimeProvider();
        (TestApp app, _) = await StartAsync(time, "*=0/2/0");
        await using TestApp _app = app;

        HttpStatusCode[] made = [await SubmitAsync(app, Ann, "a"), await SubmitAsync(app, Ann, "b"), await SubmitAsync(app, Ann, "a"), await SubmitAsync(app, Ben, "a")];
        using HttpResponseMessage refused = await SendAsync(app, Ann, HttpMethod.Post, "/v1/jobs", Job("c"));

        Assert.All(made, status => Assert.Equal(HttpStatusCode.Accepted, status));
        await ErrorShape.AssertAsync(refused, 429, null, "quota_exceeded");
        Assert.NotNull(refused.Headers.RetryAfter);
        using HttpResponseMessage cancelled = await SendAsync(app, Ann, HttpMethod.Delete, "/v1/jobs/a");
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(HttpStatusCode.Accepted, await SubmitAsync(app, Ann, "c"));
    }

    [Fact]
    public async Task Create_MoreBatchesThanAllowed_IsRefusedUntilOneEnds()
    {
        var time = new FakeTimeProvider();
        (TestApp app, _) = await StartAsync(time, "ann=0/0/1,*=0/0/0");
        await using TestApp _app = app;
        using HttpResponseMessage file = await UploadAsync(app, Ann, 500, false);
        string input = JsonElement.Parse(await file.Content.ReadAsStringAsync(Cancellation)).GetProperty("id").GetString()!;
        string body = $$"""{"input_file_id":"{{input}}","endpoint":"/v1/completions","completion_window":"24h"}""";

        using HttpResponseMessage first = await SendAsync(app, Ann, HttpMethod.Post, "/v1/batches", body);
        using HttpResponseMessage second = await SendAsync(app, Ann, HttpMethod.Post, "/v1/batches", body);

        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        await ErrorShape.AssertAsync(second, 429, null, "quota_exceeded");
    }

    [Fact]
    public async Task TryHold_WhileItIsCounted_LetsNoMoreThroughThanTheLimit()
    {
        var time = new FakeTimeProvider();
        int stored = 0;
        var count = new QuotaCount(100, async token =>
        {
            await Task.Yield();
            return Volatile.Read(ref stored);
        }, time);
        int most = 0;

        await Parallel.ForEachAsync(Enumerable.Range(0, 2000), Cancellation, async (i, token) =>
        {
            if (i % 50 == 0)
                time.Advance(TimeSpan.FromSeconds(11));
            await count.RefreshAsync(token);
            if (!count.TryHold(1))
                return;
            InterlockedMax(ref most, Interlocked.Increment(ref stored));
            count.End(1, isStored: true);
        });

        Assert.Equal(100, most);
    }

    [Fact]
    public async Task Wait_BatchesOfAKeyWithALimit_HoldTheirRateOverTime()
    {
        var time = new FakeTimeProvider();
        var tokens = new BatchTokens(new Gemma2Options { Model = "nano", BatchTokensPerMinute = 600 }, time);
        DateTimeOffset start = time.GetUtcNow();
        long taken = 0;
        for (int line = 0; line < 200; line++)
        {
            Task waiting = tokens.WaitAsync("ann", Cancellation);
            while (!waiting.IsCompleted)
                time.Advance(TimeSpan.FromMilliseconds(100));
            await waiting;
            tokens.Pay("ann", 70);
            taken += 70;
        }

        Assert.True(tokens.WaitAsync("ben", Cancellation).IsCompleted);
        double minutes = (time.GetUtcNow() - start).TotalMinutes;
        Assert.InRange(taken, 600 * minutes, (600 * minutes) + 600 + 70);
    }

    [Theory]
    [InlineData("ann=1/2")]
    [InlineData("ann=1/2/3/4")]
    [InlineData("eve=1/2/3")]
    [InlineData("ann=1/2/3,ann=1/2/3")]
    [InlineData("ann=-1/2/3")]
    [InlineData("ann=1T/2/3")]
    [InlineData("ann=G/2/3")]
    [InlineData("ann=1/2G/3")]
    [InlineData("ann=1000000001/0/0")]
    [InlineData("")]
    public void TryParseList_NotAllowed_IsRefused(string list) => Assert.Null(KeyQuota.TryParseList(list, new HashSet<string> { "ann" }));

    [Fact]
    public void TryParseList_Allowed_IsTaken()
    {
        IReadOnlyDictionary<string, KeyQuota> quotas = KeyQuota.TryParseList("ann=10G/100/5, *=512m/0/1", new HashSet<string> { "ann" })!;

        Assert.Equal((new KeyQuota(10L << 30, 100, 5), new KeyQuota(512 << 20, 0, 1)), (quotas["ann"], quotas["*"]));
    }

    private static void InterlockedMax(ref int target, int value)
    {
        int current;
        while ((current = Volatile.Read(ref target)) < value)
            Interlocked.CompareExchange(ref target, value, current);
    }

    private async Task<(TestApp App, StorageAccount Account)> StartAsync(FakeTimeProvider time, string quotas)
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        TestApp app = await TestApp.StartAsync(
            new ScriptedEngine(Vocabulary.Tokenizer), services => services.AddSingleton<TimeProvider>(time), account.Setting, TestApp.WithoutPollers, Keys, "Gemma2:KeyQuotas=" + quotas);
        return (app, account);
    }

    private static string Job(string id) => $$"""{"id":"{{id}}","model":"scripted","prompt":"Hi"}""";

    private static async Task<HttpStatusCode> SubmitAsync(TestApp app, string key, string id)
    {
        using HttpResponseMessage response = await SendAsync(app, key, HttpMethod.Post, "/v1/jobs", Job(id));
        return response.StatusCode;
    }

    private static async Task<HttpResponseMessage> UploadAsync(TestApp app, string key, int bytes, bool chunked)
    {
        using var form = new MultipartFormDataContent { { new StringContent("batch"), "purpose" }, { new ByteArrayContent(new byte[bytes]), "file", "a.jsonl" } };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/files") { Content = form, Headers = { Authorization = new AuthenticationHeaderValue("Bearer", key), TransferEncodingChunked = chunked } };
        return await app.Client.SendAsync(request, Cancellation);
    }

    private static async Task<HttpResponseMessage> SendAsync(TestApp app, string key, HttpMethod method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(method, path)
        {
            Headers = { Authorization = new AuthenticationHeaderValue("Bearer", key) },
            Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json"),
        };
        return await app.Client.SendAsync(request, Cancellation);
    }
}
