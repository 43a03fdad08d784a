using Gemma2.Service.Api;
using Gemma2.Service.Http;
using Gemma2.Service.Options;
using Microsoft.AspNetCore.Http;

namespace Gemma2.Functions.Tests;

/// <summary>The time that a request has.</summary>
public sealed class RequestTimeLimitTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Invoke_LongerThanTheLimit_IsRefusedWithItsSeconds()
    {
        ApiException refused = await Assert.ThrowsAsync<ApiException>(() => InvokeAsync(1, _ => { }, new DefaultHttpContext()));
        Assert.Equal((503, "timeout"), (refused.Error.Status, refused.Error.Code));
        Assert.Contains("longer than 1 s", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Invoke_OtherLimit_HoldsFromThenOn()
    {
        ApiException refused = await Assert.ThrowsAsync<ApiException>(() => InvokeAsync(600, http => http.SetTimeLimit(TimeSpan.FromSeconds(1)), new DefaultHttpContext()));
        Assert.Equal("timeout", refused.Error.Code);
    }

    [Fact]
    public async Task Invoke_Lifted_EndsOnlyWithItsClient()
    {
        using var client = new CancellationTokenSource();
        var http = new DefaultHttpContext { RequestAborted = client.Token };
        Task request = InvokeAsync(1, context => context.LiftTimeLimit(), http);
        Assert.NotSame(request, await Task.WhenAny(request, Task.Delay(TimeSpan.FromSeconds(2), Cancellation)));

        await client.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
    }

    private static Task InvokeAsync(int seconds, Action<HttpContext> change, HttpContext http)
    {
        var limit = new RequestTimeLimit(
            async context =>
            {
                change(context);
                await Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted);
            },
            new Gemma2Options { Model = "nano", RequestSeconds = seconds });
        return limit.InvokeAsync(http);
    }
}
