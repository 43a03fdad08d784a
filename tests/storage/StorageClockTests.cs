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
        await AnswerAsync(connection, Noon.AddDays(5));
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
        _service.Play(FaultTransport.Answer(404, "ContainerNotFound"), _ => true);

        await Assert.ThrowsAsync<StorageException>(() => CallAsync(connection));

        Assert.Equal(_time.GetUtcNow(), connection.UtcNow);
    }

    [Fact]
    public async Task UtcNow_RealService_IsItsTime()
    {
        StorageConnection connection = TestStorage.Connect(azurite.NewConnectionString(), new StorageTuning { Time = _time });

        DateTimeOffset before = DateTimeOffset.UtcNow;
        await Assert.ThrowsAsync<StorageException>(() => CallAsync(connection));

        Assert.InRange(connection.UtcNow, before.AddSeconds(-1), DateTimeOffset.UtcNow.AddSeconds(1));
    }

    private StorageConnection Connect() =>
        TestStorage.Connect("UseDevelopmentStorage=true", new StorageTuning { Time = _time, Transport = _service });

    /// <summary>One call that storage answers, with the time that it names, after a wait.</summary>
    private async Task AnswerAsync(StorageConnection connection, DateTimeOffset date, TimeSpan wait = default)
    {
        _service.Play(
            (message, _) =>
            {
                _time.Advance(wait);
                message.Response = new FakeResponse(404, "ContainerNotFound", null, date.ToString("R", CultureInfo.InvariantCulture));
                return ValueTask.CompletedTask;
            },
            _ => true);
        await Assert.ThrowsAsync<StorageException>(() => CallAsync(connection));
    }

    private static Task<bool> CallAsync(StorageConnection connection) => connection.Pipeline.RunAsync(
        "Trying",
        async token => await connection.Blobs.GetBlobContainerClient("none").GetPropertiesAsync(cancellationToken: token) is not null,
        Cancel);
}
