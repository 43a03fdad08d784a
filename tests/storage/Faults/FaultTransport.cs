using System.Globalization;
using Azure;
using Azure.Core;
using Azure.Core.Pipeline;

namespace Gemma2.Storage.Tests.Faults;

/// <summary>What happens to one request instead of, or after, its being sent.</summary>
internal delegate ValueTask Fault(HttpMessage message, Func<ValueTask> send);

/// <summary>Sends requests to the real service, but for those that a test plays a fault on.</summary>
internal sealed class FaultTransport : HttpPipelineTransport
{
    private readonly Lock _lock = new();
    private Func<Request, Fault?> _rule = _ => null;

    /// <summary>How many requests the filter named since the last <see cref="Play"/>, with a fault or without.</summary>
    public int Matched { get; private set; }

    /// <summary>Plays the fault on the first requests that the filter names.</summary>
    public void Play(Fault fault, Func<Request, bool> filter, int times = int.MaxValue)
    {
        lock (_lock)
        {
            Matched = 0;
            _rule = request => filter(request) && Matched++ < times ? fault : null;
        }
    }

    /// <summary>Counts the requests that the filter names; no fault any more.</summary>
    public void Count(Func<Request, bool> filter) => Play(LoseReply, filter, times: 0);

    /// <summary>No fault any more.</summary>
    public void Stop() => Count(_ => false);

    /// <summary>The service answers, an error mostly.</summary>
    public static Fault Answer(int status, string code, string? retryAfter = null) => (message, _) =>
    {
        message.Response = new FakeResponse(status, code, retryAfter, DateTimeOffset.UtcNow.ToString("R", CultureInfo.InvariantCulture), message.Request.ClientRequestId);
        return ValueTask.CompletedTask;
    };

    /// <summary>The request takes effect, its reply is lost.</summary>
    public static async ValueTask LoseReply(HttpMessage message, Func<ValueTask> send)
    {
        await send();
        throw new RequestFailedException(0, "The connection was reset.", new HttpRequestException("The connection was reset."));
    }

    /// <summary>The answer never comes.</summary>
    public static async ValueTask Hang(HttpMessage message, Func<ValueTask> send) => await Task.Delay(Timeout.Infinite, message.CancellationToken);

    /// <summary>The connection breaks in the middle of the body.</summary>
    public static async ValueTask BreakBody(HttpMessage message, Func<ValueTask> send)
    {
        await send();
        message.Response.ContentStream = new BreakingStream(message.Response.ContentStream!, 1000);
    }

    /// <summary>Something on the way damages the body.</summary>
    public static async ValueTask FlipBit(HttpMessage message, Func<ValueTask> send)
    {
        await send();
        var body = new MemoryStream();
        await message.Response.ContentStream!.CopyToAsync(body);
        body.GetBuffer()[body.Length / 2] ^= 1;
        body.Position = 0;
        message.Response.ContentStream = body;
    }

    public override Request CreateRequest() => HttpClientTransport.Shared.CreateRequest();

    public override void Process(HttpMessage message) => throw new NotSupportedException("The library is asynchronous.");

    public override ValueTask ProcessAsync(HttpMessage message)
    {
        Fault? fault;
        lock (_lock)
        {
            fault = _rule(message.Request);
        }
        return fault is null ? HttpClientTransport.Shared.ProcessAsync(message) : fault(message, () => HttpClientTransport.Shared.ProcessAsync(message));
    }

    private sealed class BreakingStream(Stream inner, int bytes) : MemoryStream
    {
        private int _left = bytes;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_left == 0) throw new IOException("The connection was reset in the middle of the body.");
            int count = await inner.ReadAsync(buffer[..Math.Min(buffer.Length, _left)], cancellationToken);
            _left -= count;
            return count;
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }
}
