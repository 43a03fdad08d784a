using System.Net;
using Microsoft.AspNetCore.Http;

namespace Gemma2.Chaos.Tests.Faults;

/// <summary>A reply, read whole, so that it can be sent whole, slowly or in part.</summary>
/// <param name="Status">Its status.</param>
/// <param name="Headers">Its headers but for those of its connection.</param>
/// <param name="Body">Its body.</param>
/// <param name="Length">The body's length as the headers give it: more than there is of it where only the head was asked for.</param>
internal sealed record StorageReply(int Status, IReadOnlyList<KeyValuePair<string, string[]>> Headers, byte[] Body, long? Length = null)
{
    // What belongs to one connection, and what the server writes itself.
    private static readonly HashSet<string> NotPassedOn = new(StringComparer.OrdinalIgnoreCase) { "Connection", "Keep-Alive", "Transfer-Encoding", "Content-Length" };

    /// <summary>What storage says when it has too much to do.</summary>
    public static StorageReply Busy(int status) =>
        new(status, [new("x-ms-error-code", [status == 503 ? "ServerBusy" : "TooManyRequests"]), new("Retry-After", ["1"])], []);

    /// <summary>What a proxy or a balancer says in storage's place, and this reply as others may change it; the reply itself where the fault is none of these.</summary>
    public StorageReply As(FaultKind lie) => lie switch
    {
        FaultKind.BareNotFound => new StorageReply(404, [], []),
        FaultKind.WebPage => new StorageReply(200, [new("Content-Type", ["text/html"])], "<html><body>Sign in</body></html>"u8.ToArray()),
        FaultKind.OtherReply => With("x-ms-client-request-id", Guid.NewGuid().ToString()),
        FaultKind.WeakVersion => With("ETag", "W/\"0x1\""),
        FaultKind.WrongTime => With("Date", "Thu, 01 Jan 1970 00:00:00 GMT").With("Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT"),
        _ => this,
    };

    private StorageReply With(string name, string value) =>
        this with { Headers = [.. Headers.Where(header => !header.Key.Equals(name, StringComparison.OrdinalIgnoreCase)), new(name, [value])] };

    public static async Task<StorageReply> ReadAsync(HttpResponseMessage response) => new(
        (int)response.StatusCode,
        [.. response.Headers.NonValidated.Concat(response.Content.Headers.NonValidated)
            .Where(header => !NotPassedOn.Contains(header.Key))
            .Select(header => new KeyValuePair<string, string[]>(header.Key, [.. header.Value]))],
        await response.Content.ReadAsByteArrayAsync(),
        response.Content.Headers.ContentLength);

    /// <summary>Sends status and headers, with the length that the whole body has.</summary>
    public void WriteHead(HttpContext http)
    {
        http.Response.StatusCode = Status;
        foreach ((string name, string[] values) in Headers) http.Response.Headers[name] = values;
        if (Status is not ((int)HttpStatusCode.NoContent or (int)HttpStatusCode.NotModified)) http.Response.ContentLength = Length ?? Body.Length;
    }

    /// <summary>Sends the first bytes of the body, in pieces.</summary>
    public async Task WriteBodyAsync(HttpContext http, int length, int pieces, TimeSpan pause)
    {
        if (Body.Length == 0) return;
        int size = Math.Max(1, (length + pieces - 1) / pieces);
        for (int start = 0; start < length; start += size)
        {
            if (start > 0) await Task.Delay(pause, http.RequestAborted);
            await http.Response.Body.WriteAsync(Body.AsMemory(start, Math.Min(size, length - start)), http.RequestAborted);
            await http.Response.Body.FlushAsync(http.RequestAborted);
        }
    }
}
