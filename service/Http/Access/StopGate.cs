using Gemma2.Service.Api;
using Gemma2.Service.Lifetime;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Net.Http.Headers;

namespace Gemma2.Service.Http.Access;

/// <summary>Refuses what would begin new work while the app stops, and tells the client to come back over another connection; reading goes on.</summary>
internal sealed class StopGate(RequestDelegate next, Draining draining)
{
    public async Task InvokeAsync(HttpContext http)
    {
        if (http.GetEndpoint()?.Metadata.GetMetadata<IAllowAnonymous>() is not null)
        {
            await next(http);
            return;
        }
        using IDisposable stay = draining.Enter();
        if (draining.IsStopping && !IsReading(http.Request.Method))
        {
            if (HttpProtocol.IsHttp11(http.Request.Protocol))
                http.Response.OnStarting(() =>
                {
                    http.Response.Headers[HeaderNames.Connection] = "close";
                    return Task.CompletedTask;
                });
            throw new ApiException(ApiError.Stopping);
        }
        await next(http);
    }

    private static bool IsReading(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsOptions(method);
}
