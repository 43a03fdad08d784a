using System.Buffers;
using System.Text.Json;
using Gemma2.Service.Api;

namespace Gemma2.Service.Http;

/// <summary>
/// Writes a stream of server-sent events as OpenAI frames them: <c>data: {json}\n\n</c>, flushed one by one, and comments as heartbeats.
/// Source: HTML Living Standard, section 9.2 "Server-sent events".
/// </summary>
internal sealed class ServerSentEvents(HttpResponse response, CancellationToken cancellationToken)
{
    /// <summary>Sends the headers and, so that they leave at once, a first heartbeat.</summary>
    public Task StartAsync()
    {
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache";
        // Tells nginx and those that copy it not to collect the stream.
        response.Headers["X-Accel-Buffering"] = "no";
        return HeartbeatAsync();
    }

    /// <summary>Sends a comment, which clients skip.</summary>
    public Task HeartbeatAsync() => SendAsync(() => response.BodyWriter.Write(": heartbeat\n\n"u8));

    /// <summary>Sends one event that carries one JSON document.</summary>
    public Task SendAsync(Action<Utf8JsonWriter> write) => SendAsync(() =>
    {
        response.BodyWriter.Write("data: "u8);
        JsonBody.Append(response.BodyWriter, write);
        response.BodyWriter.Write("\n\n"u8);
    });

    /// <summary>Sends OpenAI's mark of a complete stream.</summary>
    public Task DoneAsync() => SendAsync(() => response.BodyWriter.Write("data: [DONE]\n\n"u8));

    private async Task SendAsync(Action write)
    {
        write();
        await response.BodyWriter.FlushAsync(cancellationToken);
    }
}
