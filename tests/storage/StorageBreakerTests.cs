using Azure;
using Gemma2.Storage.Tests.Faults;

namespace Gemma2.Storage.Tests;

public class StorageBreakerTests
{
    private const int MinimumTries = 8;

    private static readonly StorageBreakerOptions Breaker = new() { MinimumTries = MinimumTries, Window = TimeSpan.FromHours(1), BreakDuration = TimeSpan.FromHours(1) };

    private readonly SteppedTime _time = new();
    private readonly StoragePipeline _pipeline;
    private int _tries;

    public StorageBreakerTests() => _pipeline = new StoragePipeline(new StorageTuning { Retry = TestStorage.Quick with { MaxRetries = 1 }, Breaker = Breaker, Time = _time });

    [Theory]
    [InlineData(0)]
    [InlineData(500)]
    [InlineData(503)]
    public async Task Run_MostTriesFail_LeavesTheServiceAlone(int status)
    {
        await FailAsync(status, MinimumTries);
        int before = _tries;

        var error = await Assert.ThrowsAsync<StorageException>(() => CallAsync(200));

        Assert.Equal("Trying failed: the service has been failing most calls, and is left alone for some seconds.", error.Message);
        Assert.Equal(before, _tries);
    }

    [Theory]
    [InlineData(404)]
    [InlineData(409)]
    [InlineData(412)]
    public async Task Run_AnswersThatAreNo_AreNoFailures(int status)
    {
        await FailAsync(status, 5 * MinimumTries);

        Assert.Equal(200, await CallAsync(200));
    }

    [Fact]
    public async Task Run_HalfOfTheTriesSucceed_GoesOn()
    {
        for (int i = 0; i < 5 * MinimumTries; i++)
        {
            await CallAsync(200);
            await CallAsync(200);
            // One call that fails is two tries.
            await FailAsync(503, 1);
            await CallAsync(200);
        }
    }

    [Fact]
    public async Task Run_ServiceIsBack_OneProbeLetsTheOthersFollow()
    {
        await FailAsync(503, MinimumTries);
        _time.Advance(Breaker.BreakDuration + TimeSpan.FromSeconds(1));

        Assert.Equal(200, await CallAsync(200));
        Assert.Equal(200, await CallAsync(200));
    }

    [Fact]
    public async Task Run_ProbeFails_WaitsAgain()
    {
        await FailAsync(503, MinimumTries);
        _time.Advance(Breaker.BreakDuration + TimeSpan.FromSeconds(1));
        int before = _tries;

        await FailAsync(503, 1);
        await Assert.ThrowsAsync<StorageException>(() => CallAsync(200));

        Assert.Equal(before + 1, _tries);
    }

    [Fact]
    public async Task Run_RefusedTryWithTimeLeft_IsTriedAgainWhenTheServiceIsBack()
    {
        await FailAsync(503, MinimumTries);
        _time.AdvanceOnWait = Breaker.BreakDuration + TimeSpan.FromSeconds(1);

        // The first try is refused, the second comes after the wait.
        Assert.Equal(200, await CallAsync(200));
    }

    [Fact]
    public void Connection_BlobsAndQueues_HaveBreakersOfTheirOwn()
    {
        StorageConnection connection = TestStorage.Connect("UseDevelopmentStorage=true", new StorageTuning());

        Assert.NotSame(connection.Pipeline, connection.QueuePipeline);
    }

    private async Task FailAsync(int status, int calls)
    {
        for (int i = 0; i < calls; i++) await Assert.ThrowsAsync<StorageException>(() => CallAsync(status));
    }

    private Task<int> CallAsync(int status) => _pipeline.RunAsync(
        "Trying",
        _ =>
        {
            _tries++;
            return status == 200 ? Task.FromResult(status) : throw new RequestFailedException(status, "Some message.", "SomeCode", null);
        },
        TestContext.Current.CancellationToken);
}
