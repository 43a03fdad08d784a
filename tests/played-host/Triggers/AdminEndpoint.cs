using Microsoft.AspNetCore.Http;

namespace Gemma2.PlayedHost.Triggers;

/// <summary>What the host answers itself; without the master key that is next to nothing. With it, a timer's function can be invoked out of turn.</summary>
internal sealed class AdminEndpoint(string? masterKey, TriggerSet triggers)
{
    private const string KeyHeader = "x-functions-key";

    /// <summary>Answers a request for a path under /admin or /runtime.</summary>
    public async Task HandleAsync(HttpContext http) => http.Response.StatusCode = await AnswerAsync(http);

    private async Task<int> AnswerAsync(HttpContext http)
    {
        PathString path = http.Request.Path;
        if (path == "/admin/host/ping" || path == "/admin/warmup") return StatusCodes.Status200OK;
        if (masterKey is null || http.Request.Headers[KeyHeader] != masterKey) return StatusCodes.Status401Unauthorized;
        if (http.Request.Method != HttpMethods.Post || !path.StartsWithSegments("/admin/functions", out PathString name)) return StatusCodes.Status404NotFound;
        if (triggers.FindTimer(name.Value!.Trim('/')) is not { } timer) return StatusCodes.Status404NotFound;
        await timer.InvokeAsync(http.RequestAborted);
        return StatusCodes.Status202Accepted;
    }
}
