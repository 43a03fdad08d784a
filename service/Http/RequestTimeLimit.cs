using Gemma2.Service.Api;
using Gemma2.Service.Options;

namespace Gemma2.Service.Http;

/// <summary>
/// Gives every request its time, and an answer when that is over: whatever holds it up, storage that accepts calls and does not answer them above all. What
/// has a limit of its own, or may go on as long as it moves, lifts this one (<see cref="RequestTimeLimitExtensions.LiftTimeLimit"/>).
/// </summary>
internal sealed class RequestTimeLimit(RequestDelegate next, Gemma2Options options)
{
    private readonly TimeSpan _limit = TimeSpan.FromSeconds(options.RequestSeconds);

    public async Task InvokeAsync(HttpContext http)
    {
        CancellationToken client = http.RequestAborted;
        using var time = CancellationTokenSource.CreateLinkedTokenSource(client);
        time.CancelAfter(_limit);
        http.RequestAborted = time.Token;
        http.Items[typeof(RequestTimeLimit)] = time;
        try
        {
            await next(http);
        }
        catch (OperationCanceledException) when (time.IsCancellationRequested && !client.IsCancellationRequested)
        {
            throw new ApiException(ApiError.RequestTimedOut(_limit));
        }
        finally
        {
            http.RequestAborted = client;
        }
    }
}

/// <summary>Lifts the limit of <see cref="RequestTimeLimit"/>.</summary>
internal static class RequestTimeLimitExtensions
{
    /// <summary>From here on the request may take as long as it needs.</summary>
    public static void LiftTimeLimit(this HttpContext http) => (http.Items[typeof(RequestTimeLimit)] as CancellationTokenSource)?.CancelAfter(Timeout.InfiniteTimeSpan);
}
