using System.Globalization;
using Azure;
using Gemma2.Storage.Tests.Faults;

namespace Gemma2.Storage.Tests;

public class StoragePipelineTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(408)]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(503)]
    public async Task Run_TransientStatusThenSuccess_Succeeds(int status)
    {
        int tries = 0;

        string answer = await Pipeline().RunAsync("Trying", _ => ++tries < 4 ? throw Failure(status) : Task.FromResult("done"), Cancel);

        Assert.Equal(("done", 4), (answer, tries));
    }

    [Theory]
    [InlineData(400)]
    [InlineData(403)]
    [InlineData(404)]
    [InlineData(409)]
    [InlineData(412)]
    public async Task Run_StatusThatIsAnAnswer_IsTriedOnce(int status)
    {
        int tries = 0;

        var error = await Assert.ThrowsAsync<StorageException>(
            () => Pipeline().RunAsync<int>("Trying", _ => { tries++; throw Failure(status); }, Cancel));

        Assert.Equal(1, tries);
        Assert.Equal((status, "SomeCode", $"Trying failed: {status} SomeCode"), (error.Status, error.Code, error.Message));
    }

    [Fact]
    public async Task Run_NeverAnswers_FailsAfterItsTries()
    {
        int tries = 0;

        var error = await Assert.ThrowsAsync<StorageException>(
            () => Pipeline().RunAsync<int>("Trying", _ => { tries++; throw Failure(503); }, Cancel));

        Assert.Equal(1 + TestStorage.Quick.MaxRetries, tries);
        Assert.Equal("Trying failed: 503 SomeCode", error.Message);
    }

    [Fact]
    public async Task Run_ConnectionBreaks_IsTriedAgain()
    {
        var breaks = new Queue<Exception>([new IOException("reset"), new HttpRequestException("refused"), new RequestFailedException("no network")]);

        Assert.Equal(1, await Pipeline().RunAsync("Trying", _ => breaks.TryDequeue(out Exception? e) ? throw e : Task.FromResult(1), Cancel));
    }

    [Fact]
    public async Task Run_TryHangs_TimesOutAndIsTriedAgain()
    {
        int tries = 0;
        var pipeline = Pipeline(TestStorage.Quick with { TryTimeout = TimeSpan.FromMilliseconds(20) });

        async Task<int> HangTwice(CancellationToken token)
        {
            if (++tries <= 2) await Task.Delay(Timeout.Infinite, token);
            return tries;
        }

        Assert.Equal(3, await pipeline.RunAsync("Trying", HangTwice, Cancel));
    }

    [Fact]
    public async Task Run_EveryTryHangs_SaysSo()
    {
        var pipeline = Pipeline(TestStorage.Quick with { TryTimeout = TimeSpan.FromMilliseconds(20) });

        var error = await Assert.ThrowsAsync<StorageException>(() => pipeline.RunAsync("Trying", token => Hang(token), Cancel));

        Assert.Equal("Trying failed: no answer within 0.02 s, the last of 5 tries.", error.Message);
    }

    [Fact]
    public async Task Run_Cancelled_EndsTheTryInFlight()
    {
        using var cancel = new CancellationTokenSource();
        Task<int> running = Pipeline().RunAsync("Trying", token => Hang(token), cancel.Token);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    [Fact]
    public async Task Run_Cancelled_EndsTheWaitBetweenTries()
    {
        using var cancel = new CancellationTokenSource();
        var pipeline = Pipeline(new StorageRetryOptions { BaseDelay = TimeSpan.FromHours(1), MaxDelay = TimeSpan.FromHours(2) });
        Task<int> running = pipeline.RunAsync<int>("Trying", _ => throw Failure(503), cancel.Token);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    [Theory]
    [InlineData("7", 7)]
    [InlineData("0", 0)]
    [InlineData("100000", 30)]
    public async Task Run_RetryAfter_WaitsAsLongAsTheServiceAsks(string retryAfter, int seconds)
    {
        IReadOnlyList<TimeSpan> waits = await WaitsAsync(retryAfter);

        Assert.Equal(seconds == 0 ? [] : [TimeSpan.FromSeconds(seconds)], waits);
    }

    [Fact]
    public async Task Run_RetryAfterIsADate_WaitsUntilThen()
    {
        IReadOnlyList<TimeSpan> waits = await WaitsAsync(DateTimeOffset.UtcNow.AddHours(1).ToString("R", CultureInfo.InvariantCulture));

        Assert.Equal([TimeSpan.FromSeconds(30)], waits);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("soon")]
    [InlineData("-5")]
    public async Task Run_NoUsableRetryAfter_BacksOff(string? retryAfter)
    {
        TimeSpan wait = Assert.Single(await WaitsAsync(retryAfter));

        Assert.InRange(wait, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(3));
    }

    private static async Task<IReadOnlyList<TimeSpan>> WaitsAsync(string? retryAfter)
    {
        var options = new StorageRetryOptions { BaseDelay = TimeSpan.FromSeconds(1), MaxDelay = TimeSpan.FromSeconds(30), LongestRetryAfter = TimeSpan.FromSeconds(30) };
        var time = new RecordingTime(options.TryTimeout);
        int tries = 0;
        await new StoragePipeline(new StorageTuning { Retry = options, Time = time }).RunAsync(
            "Trying", _ => ++tries == 1 ? throw new RequestFailedException(new FakeResponse(429, "TooManyRequests", retryAfter)) : Task.FromResult(1), Cancel);
        return time.Waits;
    }

    private static StoragePipeline Pipeline(StorageRetryOptions? retry = null) => new(new StorageTuning { Retry = retry ?? TestStorage.Quick });

    private static RequestFailedException Failure(int status) => new(status, "Some message.\nSome detail.", "SomeCode", null);

    private static async Task<int> Hang(CancellationToken cancellationToken)
    {
        await Task.Delay(Timeout.Infinite, cancellationToken);
        return 0;
    }
}
