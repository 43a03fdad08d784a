using System.Net.Mime;
using Gemma2.Functions.Http;

namespace Gemma2.Functions.Queue;

/// <summary>
/// <c>POST /FunctionName</c> for every queue handler: the Functions host's call for each message of its queue. Only the custom handler's loopback port has
/// it. A status of 2xx lets the host delete the message, any other makes it try again and, after the last try, move the message to the poison queue.
/// </summary>
internal static class QueueFunction
{
    // A success without this body would never complete.
    private static ReadOnlySpan<byte> Success => """{"Outputs":{},"Logs":[],"ReturnValue":null}"""u8;

    public static void Map(IEndpointRouteBuilder routes)
    {
        foreach (IQueueHandler handler in routes.ServiceProvider.GetServices<IQueueHandler>())
            routes.MapPost("/" + handler.FunctionName, (HttpContext http, QueueDispatcher dispatcher) => InvokeAsync(http, handler, dispatcher)).AllowAnonymous();
    }

    private static async Task InvokeAsync(HttpContext http, IQueueHandler handler, QueueDispatcher dispatcher)
    {
        // The host marks what it passes on for clients; its own invocations carry no such mark.
        if (http.Request.Headers.ContainsKey("X-Forwarded-For"))
            throw new ApiException(ApiError.FromStatus(StatusCodes.Status404NotFound, http.Request));
        await dispatcher.DispatchAsync(handler, await HostInvocation.ReadAsync(http.Request.Body, http.RequestAborted), http.RequestAborted);
        http.Response.ContentType = MediaTypeNames.Application.Json;
        await http.Response.BodyWriter.WriteAsync(Success.ToArray(), http.RequestAborted);
    }
}
