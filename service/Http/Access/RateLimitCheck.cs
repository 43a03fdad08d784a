using Microsoft.AspNetCore.Authorization;

namespace Gemma2.Service.Http.Access;

/// <summary>Charges every call of the API that needs a key for one request, and tells what is left.</summary>
internal sealed class RateLimitCheck(RequestDelegate next, RateLimits limits)
{
    public async Task InvokeAsync(HttpContext http)
    {
        if (http.GetEndpoint()?.Metadata.GetMetadata<IAllowAnonymous>() is null && !Watching.IsAt(http))
        {
            http.Response.OnStarting(() =>
            {
                limits.WriteHeaders(http);
                return Task.CompletedTask;
            });
            await limits.ChargeRequestAsync(http);
        }
        await next(http);
    }
}
