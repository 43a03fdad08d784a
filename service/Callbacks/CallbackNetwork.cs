using System.Net;
using System.Net.Security;
using System.Net.Sockets;

namespace Gemma2.Service.Callbacks;

/// <summary>
/// How callbacks are dialled: the addresses that a name has are looked up once, and one that was found good is what is connected to. A name that is looked
/// up twice could give a good address to the check and another to the connection.
/// </summary>
internal sealed record CallbackNetwork
{
    // An answer's body is not read.
    private const int LongestHeadersKilobytes = 16;

    /// <summary>Looks a host's addresses up.</summary>
    public Func<string, CancellationToken, Task<IPAddress[]>> Resolve { get; init; } = Dns.GetHostAddressesAsync;

    /// <summary>Which addresses may be dialled.</summary>
    public Func<IPAddress, bool> IsAllowed { get; init; } = PublicAddresses.Contains;

    /// <summary>What of a server's certificate is checked beyond the system's own rules.</summary>
    public SslClientAuthenticationOptions Tls { get; init; } = new();

    /// <summary>A handler that dials by these rules: no proxy, no redirects, no cookies.</summary>
    public SocketsHttpHandler CreateHandler() => new()
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        MaxResponseHeadersLength = LongestHeadersKilobytes,
        // A connection is not kept: the next callback looks the name up again.
        PooledConnectionLifetime = TimeSpan.Zero,
        SslOptions = Tls,
        ConnectCallback = ConnectAsync,
    };

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        IPAddress[] addresses = await Resolve(context.DnsEndPoint.Host, cancellationToken);
        IPAddress[] allowed = [.. addresses.Where(IsAllowed)];
        if (allowed.Length == 0)
            throw new HttpRequestException("the host has no public address");
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, context.DnsEndPoint.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
