namespace Gemma2.Service.Http.Access;

/// <summary>
/// Gives each request an id, or takes the one that its client gives, and sends it back with the answer: what a user tells of a request can be found in the log.
/// </summary>
internal sealed class RequestIds(RequestDelegate next)
{
    /// <summary>Carries the id, there and back.</summary>
    public const string Header = "x-request-id";

    private const int Longest = 128;

    public Task InvokeAsync(HttpContext http)
    {
        string id = http.Request.Headers[Header] is [{ } given] && IsId(given) ? given : $"req_{Guid.NewGuid():N}";
        http.TraceIdentifier = id;
        // Late, as an answer that is begun anew loses its headers.
        http.Response.OnStarting(static state =>
        {
            var http = (HttpContext)state;
            http.Response.Headers[Header] = http.TraceIdentifier;
            return Task.CompletedTask;
        }, http);
        return next(http);
    }

    private static bool IsId(string text) => text.Length is > 0 and <= Longest && text.All(character => character is > ' ' and <= '~');
}
