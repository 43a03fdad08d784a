using Azure.Core;
using Azure.Core.Pipeline;

namespace Gemma2.Storage;

/// <summary>
/// Storage's time, from the <c>Date</c> headers of its answers; this machine's until the first one. An answer says that storage's clock showed that second
/// at some moment between the request and its answer: so each bounds how far that clock is from this process's monotonic one, and the estimate is moved no
/// further than into these bounds. It never jumps with this machine's clock.
/// </summary>
internal sealed class StorageClock(TimeProvider time) : HttpPipelinePolicy
{
    // What a Date header leaves out.
    private static readonly TimeSpan Resolution = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly long _start = time.GetTimestamp();
    private DateTimeOffset _timeAtStart = time.GetUtcNow();

    /// <summary>The time as storage tells it, within a second.</summary>
    public DateTimeOffset UtcNow
    {
        get
        {
            lock (_lock) return _timeAtStart + Uptime;
        }
    }

    private TimeSpan Uptime => time.GetElapsedTime(_start);

    /// <inheritdoc/>
    public override void Process(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
    {
        TimeSpan sent = Uptime;
        ProcessNext(message, pipeline);
        Learn(message, sent);
    }

    /// <inheritdoc/>
    public override async ValueTask ProcessAsync(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
    {
        TimeSpan sent = Uptime;
        await ProcessNextAsync(message, pipeline);
        Learn(message, sent);
    }

    private void Learn(HttpMessage message, TimeSpan sent)
    {
        if (message.Response.Headers.Date is not { } date) return;
        DateTimeOffset earliest = date - Uptime, latest = date + Resolution - sent;
        lock (_lock) _timeAtStart = _timeAtStart < earliest ? earliest : _timeAtStart > latest ? latest : _timeAtStart;
    }
}
