using System.Net;
using System.Security.Cryptography;
using Gemma2.Service.Api;
using Gemma2.Service.Options;
using Microsoft.AspNetCore.Authorization;

namespace Gemma2.Service.Http.Access;

/// <summary>
/// Lets a request pass that carries one of the configured keys, or, where none is configured, that comes from this machine (from anywhere, if the settings
/// say that something in front of the app decides who may call). The operator's endpoints have a key of their own. Endpoints that allow anonymous requests (health, the Functions host's own calls) are open,
/// those for <see cref="Watching"/> are to this machine.
/// </summary>
internal sealed class ApiKeyCheck(RequestDelegate next, Gemma2Options options, FailedKeys failed)
{
    public async Task InvokeAsync(HttpContext http)
    {
        EndpointMetadataCollection? metadata = http.GetEndpoint()?.Metadata;
        if (metadata?.GetMetadata<AdminRoute>() is { } admin)
            await CheckAdminAsync(http, admin);
        else if (metadata?.GetMetadata<IAllowAnonymous>() is null)
            await CheckAsync(http);
        await next(http);
    }

    private async Task CheckAdminAsync(HttpContext http, AdminRoute route)
    {
        if (options.AdminKey is not { } key)
            throw new ApiException(ApiError.NotTurnedOn(route.Name));
        IReadOnlyList<string> given = GivenKeys.Of(http.Request);
        if (given.Any(secret => CryptographicOperations.FixedTimeEquals(ApiKey.HashOf(secret), key.Hash)))
            return;
        if (given.Count > 0)
            await failed.NoteAsync(ClientAddress.Of(http), http.RequestAborted);
        throw new ApiException(ApiError.InvalidAdminKey);
    }

    private async Task CheckAsync(HttpContext http)
    {
        if (Watching.IsAt(http) && ComesFromLoopback(http))
            return;
        if (options.ApiKeys.Count == 0)
        {
            if (!options.AllowAnonymous && !ComesFromLoopback(http))
                throw new ApiException(ApiError.LoopbackOnly);
            return;
        }
        IReadOnlyList<string> given = GivenKeys.Of(http.Request);
        if (FindKey(given) is not { } key)
        {
            if (given.Count > 0)
                await failed.NoteAsync(ClientAddress.Of(http), http.RequestAborted);
            throw new ApiException(ApiError.InvalidApiKey);
        }
        http.SetOwner(key.Name);
    }

    /// <summary>
    /// The key that a request carries. Clients of one API that are pointed at another often carry a placeholder in their own header and the key in the other's: one that is right is enough.
    /// Right ones of two holders leave open whose the request is.
    /// </summary>
    private ApiKey? FindKey(IReadOnlyList<string> given)
    {
        ApiKey[] right = [.. given.Select(Find).OfType<ApiKey>().DistinctBy(key => key.Name)];
        return right.Length == 1 ? right[0] : null;
    }

    // Hashes have one length, so that comparing them in constant time hides the keys' lengths too; all are compared, whichever is found.
    private ApiKey? Find(string secret)
    {
        byte[] given = ApiKey.HashOf(secret);
        ApiKey? found = null;
        foreach (ApiKey key in options.ApiKeys)
            if (CryptographicOperations.FixedTimeEquals(given, key.Hash))
                found = key;
        return found;
    }

    /// <summary>
    /// A proxy on this machine (the Functions host is one) connects from loopback for clients that do not: so each address it reports counts as well.
    /// A client can add addresses to that header but cannot take the proxy's away.
    /// </summary>
    private static bool ComesFromLoopback(HttpContext http) =>
        http.Connection.RemoteIpAddress is { } peer && IPAddress.IsLoopback(peer)
        && ClientAddress.Entries(http.Request).All(entry => ClientAddress.Parse(entry) is { } address && IPAddress.IsLoopback(address));
}
