using Gemma2.Backend;
using Gemma2.Service.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Functions.Tests;

public sealed class RetryBackoffTests
{
    [Theory]
    [InlineData(0, 5, 10)]
    [InlineData(1, 10, 20)]
    [InlineData(4, 80, 160)]
    [InlineData(5, 150, 300)]
    [InlineData(100, 150, 300)]
    [InlineData(int.MaxValue, 150, 300)]
    public void After_Retries_GrowsToFiveMinutesWithJitter(int retries, double least, double most)
    {
        double[] waits = [.. Enumerable.Range(0, 100).Select(_ => RetryBackoff.After(retries).TotalSeconds)];

        Assert.All(waits, wait => Assert.InRange(wait, least, most));
        Assert.True(waits.Distinct().Count() > 10);
    }

    [Fact]
    public void IsInfrastructure_Error_TellsWhoseFaultItIs()
    {
        Assert.All([new StorageException("x"), new DeviceException("x"), new TaskCanceledException()], (Exception error) => Assert.True(RetryBackoff.IsInfrastructure(error)));
        Assert.All([new GenerationException("x"), new InvalidRequestException(null, "x"), new JobMessageException("x"), new InvalidDataException()], (Exception error) => Assert.False(RetryBackoff.IsInfrastructure(error)));
    }
}
