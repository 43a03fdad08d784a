using System.Net;
using Gemma2.Service.Callbacks;

namespace Gemma2.Service.Http.Access;

/// <summary>Where a request comes from.</summary>
internal static class ClientAddress
{
    private const string Forwarded = "X-Forwarded-For";

    /// <summary>
    /// The client's address, for the log. A proxy in front (the Functions host and a container platform's are some) connects from an address of this machine or
    /// network and adds its client's to a header: so the first public address counts, going from the nearest to the farthest. A client can add addresses too,
    /// but only behind its own.
    /// </summary>
    public static IPAddress? Of(HttpContext http)
    {
        IPAddress? client = Plain(http.Connection.RemoteIpAddress);
        foreach (string entry in Entries(http.Request).Reverse())
        {
            if ((client is not null && PublicAddresses.Contains(client)) || Parse(entry) is not { } next)
                break;
            client = next;
        }
        return client;
    }

    /// <summary>The addresses that proxies report, the nearest last; they need not be any.</summary>
    public static IEnumerable<string> Entries(HttpRequest request) =>
        request.Headers[Forwarded].SelectMany(line => (line ?? "").Split(',', StringSplitOptions.TrimEntries));

    /// <summary>An address with or without a port; null for what is none.</summary>
    public static IPAddress? Parse(string entry) => Plain(
        IPAddress.TryParse(entry, out IPAddress? address) ? address
        : IPEndPoint.TryParse(entry, out IPEndPoint? endPoint) ? endPoint.Address
        : null);

    private static IPAddress? Plain(IPAddress? address) => address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address;
}
