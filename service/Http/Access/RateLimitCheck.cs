using Microsoft.AspNetCore.Authorization;

namespace Gemma2.Service.Http.Access;

/// <summary>Charges every call of the API that needs a client's key for one request, and tells what is left.</summary>
internal sealed class RateLimitCheck(RequestDelegate next, RateLimits limits)
{
    public async Task InvokeAsync(HttpContext http)
    {
        EndpointMetadataCollection? metadata = http.GetEndpoint()?.Metadata;
        if (metadata?.GetMetadata<IAllowAnonymous>() is null && metadata?.GetMetadata<AdminRoute>() is null && !Watching.IsAt(http))
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
