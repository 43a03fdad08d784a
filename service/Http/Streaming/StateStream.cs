using System.Runtime.CompilerServices;
using System.Text.Json;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Microsoft.Net.Http.Headers;

namespace Gemma2.Service.Http.Streaming;

/// <summary>Sends a thing in storage as server-sent events: as it is, then after each change, until it has ended.</summary>
internal sealed class StateStream(StreamOptions options, ErrorReporter errors, IHostApplicationLifetime lifetime)
{
    /// <summary>True where a request asks for events rather than for one answer.</summary>
    public static bool IsWanted(HttpRequest request) =>
        !HttpMethods.IsHead(request.Method)
        && MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out IList<MediaTypeHeaderValue>? types)
        && types.Any(type => type.MediaType.Equals("text/event-stream", StringComparison.OrdinalIgnoreCase));

    /// <summary>Answers a request with a thing's states.</summary>
    /// <param name="http">The request.</param>
    /// <param name="first">The thing as it is.</param>
    /// <param name="read">Reads it again; null when it is gone, which is an end.</param>
    /// <param name="hasEnded">Whether it will not change any more.</param>
    /// <param name="write">Writes its JSON, which is also what is compared.</param>
    public async Task SendAsync<T>(HttpContext http, T first, Func<CancellationToken, Task<T?>> read, Func<T, bool> hasEnded, Action<Utf8JsonWriter, T> write)
        where T : class
    {
        http.LiftTimeLimit();
        // A stream may last for hours: the app does not wait for it when it stops.
        using var end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, lifetime.ApplicationStopping);
        var events = new ServerSentEvents(http.Response, http.RequestAborted);
        await events.StartAsync();
        try
        {
            IAsyncEnumerable<ReadOnlyMemory<byte>> changes = ChangesAsync(first, read, hasEnded, write, end.Token);
            await foreach (ReadOnlyMemory<byte> state in changes.WithHeartbeats(options, events.HeartbeatAsync, end.Token))
                await events.SendAsync(StreamEvent.Unnamed(json => json.WriteRawValue(state.Span)));
            await events.SendAsync(StreamEvent.Done);
        }
        catch (Exception exception) when (!http.RequestAborted.IsCancellationRequested)
        {
            // The status has been sent: the error comes as an event, and the stream ends without its mark of completeness.
            await events.SendAsync(StreamEvent.Unnamed(errors.Report(exception, http.TraceIdentifier).Write));
        }
    }

    private async IAsyncEnumerable<ReadOnlyMemory<byte>> ChangesAsync<T>(
        T? state, Func<CancellationToken, Task<T?>> read, Func<T, bool> hasEnded, Action<Utf8JsonWriter, T> write, [EnumeratorCancellation] CancellationToken cancellationToken)
        where T : class
    {
        ReadOnlyMemory<byte> last = default;
        while (state is not null)
        {
            T current = state;
            ReadOnlyMemory<byte> now = JsonBody.ToUtf8(json => write(json, current));
            if (!now.Span.SequenceEqual(last.Span))
                yield return now;
            if (hasEnded(current))
                yield break;
            last = now;
            await Task.Delay(options.PollInterval, cancellationToken);
            state = await read(cancellationToken);
        }
    }
}
