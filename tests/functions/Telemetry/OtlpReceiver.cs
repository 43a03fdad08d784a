using System.Collections.Concurrent;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gemma2.Functions.Tests.Telemetry;

/// <summary>Takes traces as OTLP over HTTP with protobuf, and keeps their spans (opentelemetry-proto: collector/trace/v1, trace/v1).</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;

    private OtlpReceiver(WebApplication app) => _app = app;

    /// <summary>Where it listens.</summary>
    public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    /// <summary>The spans that have come.</summary>
    public ConcurrentQueue<ReceivedSpan> Spans { get; } = [];

    /// <summary>The headers of the requests that have come.</summary>
    public ConcurrentQueue<string> Keys { get; } = [];

    public static async Task<OtlpReceiver> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder(["--urls=http://127.0.0.1:0"]);
        builder.Logging.ClearProviders();
        var receiver = new OtlpReceiver(builder.Build());
        receiver._app.MapPost("/v1/traces", receiver.TakeAsync);
        await receiver._app.StartAsync(TestContext.Current.CancellationToken);
        return receiver;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task TakeAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, http.RequestAborted);
        Keys.Enqueue(http.Request.Headers["x-key"].ToString());
        foreach (ByteString resourceSpans in Messages(body.ToArray(), 1))
            foreach (ByteString scopeSpans in Messages(resourceSpans.ToByteArray(), 2))
                foreach (ByteString span in Messages(scopeSpans.ToByteArray(), 2))
                    Spans.Enqueue(ReadSpan(span.ToByteArray()));
        // An empty ExportTraceServiceResponse.
        http.Response.ContentType = "application/x-protobuf";
    }

    /// <summary>The messages of one field.</summary>
    private static List<ByteString> Messages(byte[] message, int field)
    {
        var found = new List<ByteString>();
        var input = new CodedInputStream(message);
        for (uint tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
            if (WireFormat.GetTagFieldNumber(tag) == field)
                found.Add(input.ReadBytes());
            else
                input.SkipLastField();
        return found;
    }

    private static ReceivedSpan ReadSpan(byte[] message)
    {
        var input = new CodedInputStream(message);
        string trace = "", id = "", parent = "", name = "";
        ulong begin = 0, end = 0;
        for (uint tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1: trace = Convert.ToHexStringLower(input.ReadBytes().Span); break;
                case 2: id = Convert.ToHexStringLower(input.ReadBytes().Span); break;
                case 4: parent = Convert.ToHexStringLower(input.ReadBytes().Span); break;
                case 5: name = input.ReadString(); break;
                case 7: begin = input.ReadFixed64(); break;
                case 8: end = input.ReadFixed64(); break;
                default: input.SkipLastField(); break;
            }
        return new ReceivedSpan(trace, id, parent, name, begin, end);
    }
}

/// <summary>A span.</summary>
/// <param name="Trace">Its trace.</param>
/// <param name="Id">Its id.</param>
/// <param name="Parent">The span it is a part of; empty for the root.</param>
/// <param name="Name">Its name.</param>
/// <param name="Begin">Nanoseconds since 1970.</param>
/// <param name="End">Nanoseconds since 1970.</param>
internal sealed record ReceivedSpan(string Trace, string Id, string Parent, string Name, ulong Begin, ulong End);
