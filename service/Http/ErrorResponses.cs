using System.Globalization;
using Gemma2.Service.Api;
using Gemma2.Service.Http.Access;

namespace Gemma2.Service.Http;

/// <summary>Answers every failure of a request with the error object of the API that was asked.</summary>
internal sealed class ErrorResponses(RequestDelegate next, ErrorReporter errors)
{
    /// <summary>When a client that comes too early may try again.</summary>
    public const string RetryAfterSeconds = "5";

    public async Task InvokeAsync(HttpContext http)
    {
        if (ErrorShapes.Of(http).RequestIdHeader is { } header)
            http.Response.OnStarting(() =>
            {
                http.Response.Headers[header] = http.TraceIdentifier;
                return Task.CompletedTask;
            });
        try
        {
            await next(http);
            if (http.Response is { HasStarted: false, ContentLength: null, ContentType: null, StatusCode: >= 400 })
                await SendAsync(http, ApiError.FromStatus(http.Response.StatusCode, http.Request));
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // Nobody is left to answer.
            AccessLog.NoteGone(http);
        }
        catch (Exception exception) when (!http.Response.HasStarted)
        {
            http.Response.Clear();
            await SendAsync(http, errors.Report(exception, http.TraceIdentifier));
        }
    }

    private static Task SendAsync(HttpContext http, ApiError error)
    {
        HttpResponse response = http.Response;
        if (error.RetryAfter is { } wait)
            response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        else if (error.Status == StatusCodes.Status503ServiceUnavailable)
            response.Headers.RetryAfter = RetryAfterSeconds;
        return JsonBody.SendAsync(response, error.Status, json => ErrorShapes.Of(http).Write(json, error, http.TraceIdentifier));
    }
}
