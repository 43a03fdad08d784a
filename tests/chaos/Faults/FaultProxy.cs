using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gemma2.Chaos.Tests.Faults;

/// <summary>
/// Stands between the app and Azurite and does to calls what networks and busy services do. Signatures cover the path, not the host: they stay valid.
/// </summary>
internal sealed class FaultProxy : IAsyncDisposable
{
    private const int PiecesOfASlowBody = 8;
    private const int MessagesKept = 4000;

    // Longer than the app waits for a reply.
    private static readonly TimeSpan HangTime = TimeSpan.FromSeconds(20);

    private readonly WebApplication _app;
    private readonly HttpClient _client;
    private readonly BlockCopy _blockCopy;
    private readonly Random _random;
    private readonly ConcurrentDictionary<FaultKind, int> _counts = new();
    private readonly ConcurrentQueue<(string Queue, string Text)> _messages = new();
    private readonly ConcurrentQueue<string> _failures = new();
    private Dictionary<int, Uri> _services = [];
    private int _inHand;
    private volatile bool _severed;
    private volatile FaultRates _rates = FaultRates.None;
    private volatile bool _copiesBlocks;

    private FaultProxy(string connectionString, int seed)
    {
        _random = new Random(seed);
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, UseCookies = false, ActivityHeadersPropagator = null };
        _client = new HttpClient(handler) { Timeout = TimeSpan.FromMinutes(1) };
        _blockCopy = new BlockCopy(_client, connectionString);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.Listen(IPAddress.Loopback, 0);
        });
        _app = builder.Build();
        _app.Run(HandleAsync);
    }

    /// <summary>How often which fault happens from now on.</summary>
    public FaultRates Rates
    {
        get => _rates;
        set => _rates = value;
    }

    /// <summary>Whether blocks are copied inside storage, as the real service does, or refused, as Azurite does.</summary>
    public bool CopiesBlocks
    {
        get => _copiesBlocks;
        set => _copiesBlocks = value;
    }

    /// <summary>Stands for the blob service.</summary>
    public Uri Blobs => Address(0);

    /// <summary>Stands for the queue service.</summary>
    public Uri Queues => Address(1);

    /// <summary>What it did to calls until now.</summary>
    public IReadOnlyDictionary<FaultKind, int> Counts => _counts;

    /// <summary>The messages that were sent to queues through it, as they were sent: the last few thousand.</summary>
    public IReadOnlyCollection<(string Queue, string Text)> Messages => _messages;

    /// <summary>What went wrong in the proxy itself.</summary>
    public IReadOnlyCollection<string> Failures => _failures;

    /// <summary>How many blocks it copied.</summary>
    public int BlocksCopied { get; private set; }

    /// <summary>Starts one in front of two services.</summary>
    /// <param name="blobs">The blob service.</param>
    /// <param name="queues">The queue service.</param>
    /// <param name="connectionString">Leads to the services themselves.</param>
    /// <param name="seed">The same seed picks the same faults in the same order.</param>
    public static async Task<FaultProxy> StartAsync(Uri blobs, Uri queues, string connectionString, int seed)
    {
        var proxy = new FaultProxy(connectionString, seed);
        await proxy._app.StartAsync();
        proxy._services = new Dictionary<int, Uri> { [proxy.Blobs.Port] = blobs, [proxy.Queues.Port] = queues };
        return proxy;
    }

    /// <summary>Breaks every connection from now on, and waits until storage has ended the calls that it was sent before.</summary>
    public async Task SeverAsync(CancellationToken cancellationToken)
    {
        _severed = true;
        while (Volatile.Read(ref _inHand) > 0) await Task.Delay(10, cancellationToken);
    }

    /// <summary>Lets calls through again.</summary>
    public void Mend() => _severed = false;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _client.Dispose();
    }

    private Uri Address(int index) =>
        new(_app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.ElementAt(index));

    private async Task HandleAsync(HttpContext http)
    {
        (FaultKind fault, TimeSpan wait, bool coin) = Draw();
        _counts.AddOrUpdate(fault, 1, (_, count) => count + 1);
        try
        {
            StorageCall call = await StorageCall.ReadAsync(http);
            if (call.ReadSentMessage() is { } message) _messages.Enqueue(message);
            if (_messages.Count > MessagesKept) _messages.TryDequeue(out _);
            if (fault == FaultKind.Delay) await Task.Delay(wait, http.RequestAborted);
            StorageReply? reply = await PassOnAsync(call, _services[http.Connection.LocalPort], fault, coin);
            if (fault == FaultKind.Hang) await Task.Delay(HangTime, http.RequestAborted);
            if (reply is null || _severed) http.Abort();
            else await AnswerAsync(http, reply, fault, wait);
        }
        catch (Exception error) when (error is IOException or HttpRequestException or OperationCanceledException or BadHttpRequestException)
        {
            // The app has gone, or storage has.
            http.Abort();
        }
        catch (Exception error)
        {
            _failures.Enqueue($"The proxy failed: {error}");
            http.Abort();
        }
    }

    private (FaultKind Fault, TimeSpan Wait, bool Coin) Draw()
    {
        lock (_random)
        {
            FaultKind fault = Rates.Pick(_random.NextDouble());
            // Mostly short; one in eight is longer than the shortest lease.
            double seconds = _random.Next(8) == 0 ? 8 * _random.NextDouble() : 0.5 * _random.NextDouble();
            return (fault, TimeSpan.FromSeconds(seconds), _random.Next(2) == 0);
        }
    }

    /// <summary>The reply that the app is to see; null where it sees none.</summary>
    private async Task<StorageReply?> PassOnAsync(StorageCall call, Uri service, FaultKind fault, bool coin)
    {
        Interlocked.Increment(ref _inHand);
        try
        {
            if (_severed || fault == FaultKind.RequestDropped) return null;
            if (fault == FaultKind.Busy) return StorageReply.Busy(coin ? 503 : 429);
            // A page or a 404 of others mostly means that storage has not seen the call.
            if (fault is FaultKind.BareNotFound or FaultKind.WebPage && coin) return new StorageReply(0, [], []).As(fault);
            StorageReply reply = await SendAsync(call, service);
            if (fault == FaultKind.Twice && await SendAsync(call, service) is var second && coin) return second;
            return fault is FaultKind.ReplyDropped or FaultKind.Hang ? null : reply.As(fault);
        }
        finally
        {
            Interlocked.Decrement(ref _inHand);
        }
    }

    // Once it is under way it is not given up: what the app does meanwhile does not change what storage sees.
    private async Task<StorageReply> SendAsync(StorageCall call, Uri service)
    {
        if (CopiesBlocks && BlockCopy.IsOne(call))
        {
            BlocksCopied++;
            return await _blockCopy.RunAsync(call, service);
        }
        using HttpRequestMessage request = call.ToRequest(service);
        using HttpResponseMessage response = await _client.SendAsync(request);
        return await StorageReply.ReadAsync(response);
    }

    private static async Task AnswerAsync(HttpContext http, StorageReply reply, FaultKind fault, TimeSpan wait)
    {
        reply.WriteHead(http);
        if (fault == FaultKind.TruncatedBody && reply.Body.Length > 0)
        {
            await reply.WriteBodyAsync(http, reply.Body.Length / 2, pieces: 1, TimeSpan.Zero);
            http.Abort();
        }
        else
        {
            await reply.WriteBodyAsync(http, reply.Body.Length, fault == FaultKind.SlowBody ? PiecesOfASlowBody : 1, wait / PiecesOfASlowBody);
        }
    }
}
