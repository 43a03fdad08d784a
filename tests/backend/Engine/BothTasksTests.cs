using Gemma2.Backend.Engine;

namespace Gemma2.Backend.Tests.Engine;

public sealed class BothTasksTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task RunAsync_BothSucceed_WaitsForBoth()
    {
        var first = new TaskCompletionSource();
        var second = new TaskCompletionSource();
        Task both = BothTasks.RunAsync(_ => first.Task, _ => second.Task, Cancellation);

        first.SetResult();
        Assert.False(both.IsCompleted);
        second.SetResult();

        await both;
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task RunAsync_OneFails_EndsTheOtherAndTellsOfTheFailure(bool isFirst)
    {
        bool hasEnded = false;
        Task Fail(CancellationToken stop) => Task.FromException(new DeviceException("broken"));
        async Task Wait(CancellationToken stop)
        {
            try
            {
                await Task.Delay(Timeout.Infinite, stop);
            }
            finally
            {
                await Task.Yield();
                hasEnded = true;
            }
        }

        var error = await Assert.ThrowsAsync<DeviceException>(() => isFirst ? BothTasks.RunAsync(Fail, Wait, Cancellation) : BothTasks.RunAsync(Wait, Fail, Cancellation));

        Assert.Equal("broken", error.Message);
        Assert.True(hasEnded);
    }

    [Fact]
    public async Task RunAsync_Cancelled_EndsBoth()
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        Task both = BothTasks.RunAsync(stop => Task.Delay(Timeout.Infinite, stop), stop => Task.Delay(Timeout.Infinite, stop), cancel.Token);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => both);
    }
}
