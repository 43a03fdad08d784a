using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Http.Streaming;

/// <summary>
/// Writes a stream of server-sent events as OpenAI frames them, <c>data: {json}\n\n</c>, with <c>event: NAME\n</c> before it where events have names, and comments as heartbeats.
/// Source: HTML Living Standard, section 9.2 "Server-sent events".
/// </summary>
internal sealed class ServerSentEvents(HttpResponse response, CancellationToken cancellationToken)
{
    /// <summary>Whether the headers have left: from then on an error comes as an event.</summary>
    public bool HasStarted => response.HasStarted;

    /// <summary>Sends the headers, which leave at once.</summary>
    public async Task StartAsync()
    {
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache";
        // Tells nginx and those that copy it not to collect the stream.
        response.Headers["X-Accel-Buffering"] = "no";
        await response.StartAsync(cancellationToken);
        await response.BodyWriter.FlushAsync(cancellationToken);
    }

    /// <summary>Sends a comment, which clients skip.</summary>
    public Task HeartbeatAsync() => SendAsync(() => response.BodyWriter.Write(": heartbeat\n\n"u8));

    /// <summary>Sends one event.</summary>
    public Task SendAsync(StreamEvent item) => SendAsync(() => Write(item));

    /// <summary>Sends events that come together.</summary>
    public async Task SendAsync(IEnumerable<StreamEvent> items)
    {
        bool any = false;
        foreach (StreamEvent item in items)
        {
            Write(item);
            any = true;
        }
        if (any)
            await response.BodyWriter.FlushAsync(cancellationToken);
    }

    private void Write(StreamEvent item)
    {
        PipeWriter body = response.BodyWriter;
        if (item.Name is not null)
            body.Write(Encoding.UTF8.GetBytes($"event: {item.Name}\n"));
        body.Write("data: "u8);
        if (item.Write is not null)
            JsonBody.Append(body, item.Write);
        else
            body.Write("[DONE]"u8);
        body.Write("\n\n"u8);
    }

    private async Task SendAsync(Action write)
    {
        write();
        await response.BodyWriter.FlushAsync(cancellationToken);
    }
}
