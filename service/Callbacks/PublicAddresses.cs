using System.Net;

namespace Gemma2.Service.Callbacks;

/// <summary>Tells addresses of the public internet from those that lead into a network, a machine or a platform.</summary>
internal static class PublicAddresses
{
    // IANA IPv4 and IPv6 Special-Purpose Address Registries: all that is not "Globally Reachable", multicast (RFC 5771), and Azure's own host service.
    private static readonly IPNetwork[] Special =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
            "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
        }.Select(IPNetwork.Parse),
    ];

    // All other IPv6: loopback, unspecified, IPv4-mapped, NAT64, unique local, link-local, site-local, multicast.
    private static readonly IPNetwork GlobalUnicast = IPNetwork.Parse("2000::/3");

    /// <summary>True for an address that any machine on the internet could reach. What carries another address inside (mapped, NAT64, 6to4, Teredo) is not.</summary>
    public static bool Contains(IPAddress address) =>
        (address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork || GlobalUnicast.Contains(address)) && !Special.Any(network => network.Contains(address));
}
