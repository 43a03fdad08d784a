using System.Net;
using System.Net.Http.Headers;
using Gemma2.Functions.Configuration;
using Gemma2.Functions.Hosts.Standalone;
using Gemma2.Service.Limits;
using Gemma2.Storage;
using Gemma2.Storage.Limits;
using Gemma2.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Gemma2.Functions.Tests;

/// <summary>Limits that hold over several processes, on a real Azurite.</summary>
public sealed class SharedLimitTests(AzuriteFixture azurite)
{
    private const string Key = "the-only-key-of-ann";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Get_TwoApps_LetTheLimitThroughTogether()
    {
        const int Limit = 24, Asked = 60;
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        string[] settings = [account.Setting, TestApp.WithoutPollers, "Gemma2:ApiKeys=ann=" + Key, $"Gemma2:RequestsPerMinute={Limit}", "Gemma2:SharedLimits=true"];
        await using TestApp first = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), settings);
        await using TestApp second = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), settings);
        DateTimeOffset start = DateTimeOffset.UtcNow;

        HttpResponseMessage[] answers = await Task.WhenAll(Enumerable.Range(0, Asked).Select(i => GetAsync(i % 2 == 0 ? first : second)));

        // A limit of each would have let 48 through. If a minute ended meanwhile there was another limit.
        long minutes = (DateTimeOffset.UtcNow.ToUnixTimeSeconds() / 60) - (start.ToUnixTimeSeconds() / 60);
        int served = answers.Count(answer => answer.StatusCode == HttpStatusCode.OK);
        Assert.InRange(served, Limit, Limit * (1 + minutes));
        Assert.All(answers.Where(answer => answer.StatusCode != HttpStatusCode.OK), answer =>
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
            Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(61));
        });
        Assert.All(answers, answer => Assert.Equal($"{Limit}", answer.Headers.GetValues("x-ratelimit-limit-requests").Single()));
    }

    [Fact]
    public async Task Claim_FromManyAtOnce_GrantsNoMoreThanTheAmount()
    {
        MinuteClaims claims = await ClaimsAsync();
        DateTimeOffset start = DateTimeOffset.UtcNow;

        MinuteClaim[] granted = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => claims.ClaimAsync("ann/tokens", 1000, 10, 125, Cancellation)));

        long minutes = (DateTimeOffset.UtcNow.ToUnixTimeSeconds() / 60) - (start.ToUnixTimeSeconds() / 60);
        Assert.InRange(granted.Sum(claim => claim.Granted), 1000, 1000 * (1 + minutes));
        Assert.All(granted, claim => Assert.InRange(claim.UntilEnd, TimeSpan.Zero, TimeSpan.FromMinutes(1.1)));
    }

    [Fact]
    public async Task TryTake_StorageThatDoesNotAnswer_GoesOnWithALimitOfItsOwnAndSaysSo()
    {
        string nobody = $"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YWJj;BlobEndpoint=http://127.0.0.1:{TestApp.FreePort()}/a;QueueEndpoint=http://127.0.0.1:1/a";
        using var log = new CollectedLog();
        using ILoggerFactory logs = LoggerFactory.Create(logging => logging.AddProvider(log));
        var limit = new SharedLimit("ann/requests", 5, ClaimsOf(nobody), new FakeTimeProvider(), logs.CreateLogger<SharedLimit>());
        for (int i = 0; i < 5; i++)
            Assert.Null(await limit.TryTakeAsync(1, Cancellation));

        Assert.NotNull(await limit.TryTakeAsync(1, Cancellation));
        Assert.Single(log.LinesOf<SharedLimit>());
    }

    [Fact]
    public async Task TryTake_MinuteOver_HasAllOfItAgain()
    {
        MinuteClaims claims = await ClaimsAsync();
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var limit = new SharedLimit("ann/requests", 8, claims, time, NullLogger<SharedLimit>.Instance);

        Assert.Null(await limit.TryTakeAsync(int.MaxValue, Cancellation));
        TimeSpan wait = (await limit.TryTakeAsync(1, Cancellation))!.Value;
        Assert.Equal((0, wait), (limit.Content, limit.UntilFull));
        Assert.InRange(wait, TimeSpan.FromTicks(1), TimeSpan.FromMinutes(2));
        time.Advance(wait);

        Assert.Equal((8, TimeSpan.Zero), (limit.Content, limit.UntilFull));
    }

    [Fact]
    public void Build_SharedLimitsWithoutStorage_IsRefused() => Assert.Contains(
        "AzureWebJobsStorage",
        Assert.Throws<ConfigurationException>(() => StandaloneHost.Build(["--Gemma2:Model=nano", "--Gemma2:SharedLimits=true", "--AzureWebJobsStorage=", "--DOTNET_RUNNING_IN_CONTAINER=", "--CONTAINER_APP_NAME="])).Message,
        StringComparison.Ordinal);

    private async Task<MinuteClaims> ClaimsAsync() => ClaimsOf((await StorageAccount.CreateAsync(azurite.NewConnectionString())).ConnectionString);

    private static MinuteClaims ClaimsOf(string connectionString) => new(StorageConnection.FromSettings(key => key == "AzureWebJobsStorage" ? connectionString : null));

    private static Task<HttpResponseMessage> GetAsync(TestApp app) => app.Client.SendAsync(
        new HttpRequestMessage(HttpMethod.Get, "/v1/models") { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", Key) } }, Cancellation);
}
