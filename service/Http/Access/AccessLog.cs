using System.Diagnostics;
using Gemma2.Service.Api;

namespace Gemma2.Service.Http.Access;

/// <summary>
/// Logs each request in one line when it has ended, a stream at its end: who asked what, and what came of it. Nothing of its content, its query or its key is in it.
/// </summary>
internal sealed partial class AccessLog(RequestDelegate next, ILogger<AccessLog> log)
{
    /// <summary>What stands for a status where the client has gone before its answer was whole, as in nginx.</summary>
    private const int ClientGone = 499;

    private const int LongestPath = 200;
    private const string Nobody = "-";

    private static readonly object Gone = new();

    public Task InvokeAsync(HttpContext http) => log.IsEnabled(LogLevel.Information) ? LogAsync(http) : next(http);

    /// <summary>Says that the client has gone before its answer was whole.</summary>
    public static void NoteGone(HttpContext http) => http.Items[Gone] = Gone;

    private async Task LogAsync(HttpContext http)
    {
        long start = Stopwatch.GetTimestamp();
        bool isWhole = false;
        try
        {
            await next(http);
            isWhole = !http.Items.ContainsKey(Gone);
        }
        finally
        {
            Log(
                RequestFields.Quote(http.Request.Method),
                RequestFields.Quote(http.Request.Path.ToUriComponent(), LongestPath),
                !isWhole && http.RequestAborted.IsCancellationRequested ? ClientGone : http.Response.StatusCode,
                (long)Stopwatch.GetElapsedTime(start).TotalMilliseconds,
                http.Owner() ?? Nobody,
                ClientAddress.Of(http)?.ToString() ?? Nobody,
                http.TraceIdentifier);
        }
    }

    [LoggerMessage(1, LogLevel.Information, "{Method} {Path} {Status} in {Milliseconds} ms, key {Key}, client {Client}, request {RequestId}")]
    private partial void Log(string method, string path, int status, long milliseconds, string key, string client, string requestId);
}
