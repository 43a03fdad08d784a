using Gemma2.Service.Api;
using Gemma2.Service.Options;

namespace Gemma2.Service.Http;

/// <summary>
/// Gives every request its time, and an answer when that is over: whatever holds it up, storage that accepts calls and does not answer them above all. What
/// has a limit of its own lifts this one (<see cref="RequestTimeLimitExtensions.LiftTimeLimit"/>), what moves many bytes sets another.
/// </summary>
internal sealed class RequestTimeLimit(RequestDelegate next, Gemma2Options options)
{
    public async Task InvokeAsync(HttpContext http)
    {
        CancellationToken client = http.RequestAborted;
        using var end = CancellationTokenSource.CreateLinkedTokenSource(client);
        var time = new RequestTime(end, TimeSpan.FromSeconds(options.RequestSeconds));
        http.RequestAborted = end.Token;
        http.Items[typeof(RequestTime)] = time;
        try
        {
            await next(http);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested && !client.IsCancellationRequested)
        {
            throw new ApiException(ApiError.RequestTimedOut(time.Limit));
        }
        finally
        {
            http.RequestAborted = client;
        }
    }
}

/// <summary>The time of one request.</summary>
internal sealed class RequestTime
{
    private readonly CancellationTokenSource _end;

    public RequestTime(CancellationTokenSource end, TimeSpan limit)
    {
        _end = end;
        Set(limit);
    }

    /// <summary>How long it may take, from when that was said.</summary>
    public TimeSpan Limit { get; private set; }

    /// <summary>Gives it so much from now on.</summary>
    public void Set(TimeSpan limit)
    {
        Limit = limit;
        _end.CancelAfter(limit);
    }
}

/// <summary>Changes the limit of <see cref="RequestTimeLimit"/>.</summary>
internal static class RequestTimeLimitExtensions
{
    /// <summary>From here on the request may take as long as it needs.</summary>
    public static void LiftTimeLimit(this HttpContext http) => http.SetTimeLimit(Timeout.InfiniteTimeSpan);

    /// <summary>From here on the request may take so long.</summary>
    public static void SetTimeLimit(this HttpContext http, TimeSpan limit) => (http.Items[typeof(RequestTime)] as RequestTime)?.Set(limit);
}
