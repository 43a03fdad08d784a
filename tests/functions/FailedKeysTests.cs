using System.Net;
using Gemma2.Service.Http.Access;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Gemma2.Functions.Tests;

/// <summary>Who guesses keys is seen and slowed down; others are not. The time is the test's.</summary>
public sealed class FailedKeysTests : IDisposable
{
    private static readonly IPAddress Guesser = IPAddress.Parse("8.8.8.8");

    private readonly FakeTimeProvider _time = new();
    private readonly CollectedLog _log = new();
    private readonly ILoggerFactory _logs;
    private readonly FailedKeys _failed;

    public FailedKeysTests()
    {
        _logs = LoggerFactory.Create(logging => logging.AddProvider(_log));
        _failed = new FailedKeys(_time, _logs.CreateLogger<FailedKeys>());
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _logs.Dispose();
        _log.Dispose();
    }

    [Fact]
    public async Task Note_OneAddress_WaitsLongerEachTimeUpToALimit()
    {
        foreach (double seconds in (double[])[0, 0, 0, 0, 0, 0.25, 0.5, 1, 2, 4, 4, 4])
            await AssertWaitsAsync(Guesser, TimeSpan.FromSeconds(seconds));
        await AssertWaitsAsync(IPAddress.Parse("9.9.9.9"), TimeSpan.Zero);

        _time.Advance(TimeSpan.FromMinutes(6));
        await AssertWaitsAsync(Guesser, TimeSpan.Zero);
    }

    [Fact]
    public async Task Note_AddressesOfOneIPv6Network_AreOne()
    {
        for (int i = 0; i < 5; i++)
            await AssertWaitsAsync(IPAddress.Parse($"2620:fe:0:1::{i}"), TimeSpan.Zero);
        await AssertWaitsAsync(IPAddress.Parse("2620:fe:0:1:ffff::9"), TimeSpan.FromSeconds(0.25));
        await AssertWaitsAsync(IPAddress.Parse("2620:fe:0:2::9"), TimeSpan.Zero);
    }

    [Fact]
    public async Task Note_ManyAddresses_KeepsMemoryAndLogBounded()
    {
        for (int i = 0; i < 25_000; i++)
            await _failed.NoteAsync(new IPAddress([20, (byte)(i >> 16), (byte)(i >> 8), (byte)i]), Cancellation);

        Assert.InRange(_failed.Addresses, 1, 10_000);
        Assert.Equal(20, _log.LinesOf<FailedKeys>().Length);
    }

    [Fact]
    public async Task Note_AgainAndAgain_IsToldOnceAMinuteWithItsCount()
    {
        for (int i = 0; i < 4; i++)
            await _failed.NoteAsync(Guesser, Cancellation);
        _time.Advance(TimeSpan.FromMinutes(1));
        await _failed.NoteAsync(Guesser, Cancellation);

        Assert.Equal(["1 requests with a wrong API key from 8.8.8.8", "4 requests with a wrong API key from 8.8.8.8"], _log.LinesOf<FailedKeys>());
    }

    [Fact]
    public async Task Get_RightKeyFromTheAddressOfAGuesser_IsNotSlowed()
    {
        // Time stands still: who is slowed would wait for ever.
        await using TestApp app = await TestApp.StartAsync(
            new ScriptedEngine(Vocabulary.Tokenizer), services => services.AddSingleton<TimeProvider>(_time), "Gemma2:ApiKeys=a=the-first-key-of-a");
        for (int i = 0; i < 5; i++)
        {
            using HttpResponseMessage refused = await GetAsync(app, "a-wrong-key");
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        }
        Task<HttpResponseMessage> slowed = GetAsync(app, "a-wrong-key");

        using HttpResponseMessage right = await GetAsync(app, "the-first-key-of-a");
        using HttpResponseMessage without = await app.Client.GetAsync("/v1/models", Cancellation);

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.Unauthorized), (right.StatusCode, without.StatusCode));
        Assert.False(slowed.IsCompleted);
        while (!slowed.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
        await ErrorShape.AssertAsync(await slowed, 401, null, "invalid_api_key");
    }

    private async Task AssertWaitsAsync(IPAddress address, TimeSpan expected)
    {
        Task waiting = _failed.NoteAsync(address, Cancellation);
        if (expected > TimeSpan.Zero)
        {
            _time.Advance(expected - TimeSpan.FromMilliseconds(1));
            Assert.False(waiting.IsCompleted);
            _time.Advance(TimeSpan.FromMilliseconds(1));
        }
        await waiting;
    }

    private static Task<HttpResponseMessage> GetAsync(TestApp app, string key) => app.Client.SendAsync(
        new HttpRequestMessage(HttpMethod.Get, "/v1/models") { Headers = { { "Authorization", $"Bearer {key}" } } }, Cancellation);
}
