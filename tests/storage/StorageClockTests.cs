using System.Globalization;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests;

public class StorageClockTests(AzuriteFixture azurite)
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly SteppedTime _time = new();
    private readonly FaultTransport _service = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(100_000)]
    [InlineData(-100_000)]
    public async Task UtcNow_WrongLocalClock_IsStoragesTime(int skewSeconds)
    {
        _time.SetClock(TimeSpan.FromSeconds(skewSeconds));
        StorageConnection connection = Connect();

        await AnswerAsync(connection, Noon);

        Assert.InRange(connection.UtcNow, Noon, Noon.AddSeconds(1));
    }

    [Fact]
    public async Task UtcNow_BetweenAnswers_GoesOnWithoutTheLocalClock()
    {
        StorageConnection connection = Connect();
        await AnswerAsync(connection, Noon.AddDays(1));
        DateTimeOffset before = connection.UtcNow;

        _time.SetClock(TimeSpan.FromHours(-3));
        _time.Advance(TimeSpan.FromSeconds(20));

        Assert.Equal(before.AddSeconds(20), connection.UtcNow);
    }

    [Fact]
    public async Task UtcNow_ManyAnswers_NeverGoesBack()
    {
        StorageConnection connection = Connect();
        DateTimeOffset last = DateTimeOffset.MinValue;
        for (int i = 0; i < 200; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(70));
            // Storage's clock is half an hour ahead; its answers name the second that has begun, some of them late.
            DateTimeOffset storage = _time.GetUtcNow().AddMinutes(30);
            DateTimeOffset named = storage.AddTicks(-(storage.Ticks % TimeSpan.TicksPerSecond));
            await AnswerAsync(connection, named, TimeSpan.FromMilliseconds(i % 7 * 300));

            DateTimeOffset now = connection.UtcNow;
            Assert.True(now >= last, $"{last:O} -> {now:O}");
            Assert.InRange(now - _time.GetUtcNow().AddMinutes(30), TimeSpan.FromSeconds(-1), TimeSpan.FromSeconds(1));
            last = now;
        }
    }

    [Fact]
    public async Task UtcNow_SlowAnswer_IsNotTakenForAnEarlierTime()
    {
        StorageConnection connection = Connect();
        await AnswerAsync(connection, Noon);
        DateTimeOffset before = connection.UtcNow;

        // It named its second before it was held up.
        await AnswerAsync(connection, Noon, TimeSpan.FromSeconds(40));

        Assert.Equal(before.AddSeconds(40), connection.UtcNow);
    }

    [Fact]
    public async Task UtcNow_AnswerWithoutADate_ChangesNothing()
    {
        StorageConnection connection = Connect();
        _service.Play(
            (message, _) =>
            {
                message.Response = new FakeResponse(404, "ContainerNotFound", null);
                return ValueTask.CompletedTask;
            },
            _ => true);

        var error = await Assert.ThrowsAsync<StorageException>(() => CallAsync(connection));

        Assert.Equal("Trying failed: the answer (status 404) has no Date", error.Message);
        Assert.Equal(_time.GetUtcNow(), connection.UtcNow);
    }

    [Theory]
    [InlineData(-20_000)]
    [InlineData(-3)]
    [InlineData(3)]
    [InlineData(27_000)]
    public async Task UtcNow_AnswersWithAbsurdTimes_ChangesNothing(int days)
    {
        StorageConnection connection = Connect();
        await AnswerAsync(connection, Noon);
        DateTimeOffset before = connection.UtcNow;

        for (int i = 0; i < 3; i++) Assert.Contains("which cannot be", (await AnswerAsync(connection, Noon.AddDays(days))).Message);

        Assert.Equal(before, connection.UtcNow);
    }

    [Fact]
    public async Task UtcNow_OneAnswerIsFarFromTheOthers_IsTriedAgainAndChangesNothing()
    {
        StorageConnection connection = Connect();
        await AnswerAsync(connection, Noon);
        DateTimeOffset before = connection.UtcNow;

        // Two wrong answers in a row, five times: never three that agree.
        for (int i = 0; i < 5; i++) Assert.Equal("ContainerNotFound", (await AnswerAsync(connection, Noon, wrong: (2, Noon.AddHours(5)))).Code);

        Assert.Equal(before, connection.UtcNow);
    }

    [Fact]
    public async Task UtcNow_RealService_IsItsTime()
    {
        _time.SetClock(DateTimeOffset.UtcNow.AddHours(-10) - _time.GetUtcNow());
        StorageConnection connection = TestStorage.Connect(azurite.NewConnectionString(), new StorageTuning { Time = _time });

        DateTimeOffset before = DateTimeOffset.UtcNow;
        await Assert.ThrowsAsync<StorageException>(() => CallAsync(connection));

        Assert.InRange(connection.UtcNow, before.AddSeconds(-1), DateTimeOffset.UtcNow.AddSeconds(1));
    }

    private StorageConnection Connect() =>
        TestStorage.Connect("UseDevelopmentStorage=true", new StorageTuning { Time = _time, Transport = _service, Retry = TestStorage.Quick, Breaker = TestStorage.Never });

    /// <summary>One call that storage answers, with the time that it names, after a wait.</summary>
    private async Task<StorageException> AnswerAsync(StorageConnection connection, DateTimeOffset date, TimeSpan wait = default, (int Times, DateTimeOffset Date) wrong = default)
    {
        int answers = 0;
        _service.Play(
            (message, _) =>
            {
                if (answers++ == 0) _time.Advance(wait);
                DateTimeOffset named = answers <= wrong.Times ? wrong.Date : date;
                message.Response = new FakeResponse(404, "ContainerNotFound", null, named.ToString("R", CultureInfo.InvariantCulture), message.Request.ClientRequestId);
                return ValueTask.CompletedTask;
            },
            _ => true);
        return await Assert.ThrowsAsync<StorageException>(() => CallAsync(connection));
    }

    private static Task<bool> CallAsync(StorageConnection connection) => connection.Pipeline.RunAsync(
        "Trying",
        async token => await connection.Blobs.GetBlobContainerClient("none").GetPropertiesAsync(cancellationToken: token) is not null,
        Cancel);
}
