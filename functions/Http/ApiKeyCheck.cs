using System.Net;
using System.Security.Cryptography;
using System.Text;
using Gemma2.Functions.Configuration;
using Microsoft.AspNetCore.Authorization;

namespace Gemma2.Functions.Http;

/// <summary>
/// Lets a request pass that carries one of the configured keys, or, where none is configured, that comes from this machine. Endpoints that allow anonymous
/// requests (health, the Functions host's own calls) are open.
/// </summary>
internal sealed class ApiKeyCheck(RequestDelegate next, Gemma2Options options)
{
    private const string Scheme = "Bearer ";

    // Hashes have one length, so that comparing them in constant time hides the keys' lengths too.
    private readonly byte[][] _keyHashes = [.. options.ApiKeys.Select(Hash)];

    public Task InvokeAsync(HttpContext http)
    {
        if (http.GetEndpoint()?.Metadata.GetMetadata<IAllowAnonymous>() is null)
        {
            if (_keyHashes.Length == 0 && !ComesFromLoopback(http))
                throw new ApiException(ApiError.LoopbackOnly);
            if (_keyHashes.Length > 0 && !CarriesKey(http.Request))
                throw new ApiException(ApiError.InvalidApiKey);
        }
        return next(http);
    }

    private bool CarriesKey(HttpRequest request)
    {
        string? header = request.Headers.Authorization;
        if (header?.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) != true)
            return false;
        byte[] given = Hash(header[Scheme.Length..].Trim());
        bool found = false;
        foreach (byte[] key in _keyHashes)
            found |= CryptographicOperations.FixedTimeEquals(given, key);
        return found;
    }

    /// <summary>
    /// A proxy on this machine (the Functions host is one) connects from loopback for clients that do not: so each address it reports counts as well.
    /// A client can add addresses to that header but cannot take the proxy's away.
    /// </summary>
    private static bool ComesFromLoopback(HttpContext http) =>
        http.Connection.RemoteIpAddress is { } peer && IPAddress.IsLoopback(peer)
        && http.Request.Headers["X-Forwarded-For"].SelectMany(line => (line ?? "").Split(',', StringSplitOptions.TrimEntries)).All(IsLoopback);

    private static bool IsLoopback(string address) =>
        IPAddress.TryParse(address, out IPAddress? ip) ? IPAddress.IsLoopback(ip)
        : IPEndPoint.TryParse(address, out IPEndPoint? endPoint) && IPAddress.IsLoopback(endPoint.Address);

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
