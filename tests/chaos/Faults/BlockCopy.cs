using System.Globalization;
using Azure;
using Azure.Storage.Blobs.Specialized;
using Microsoft.AspNetCore.WebUtilities;

namespace Gemma2.Chaos.Tests.Faults;

/// <summary>
/// <c>Put Block From URL</c>, which Azurite answers with 501: reads the source as the service would, by its address alone, and puts its bytes as a block.
/// </summary>
internal sealed class BlockCopy(HttpClient client, string connectionString)
{
    /// <summary>True for a call that asks for a copy of another blob's bytes.</summary>
    public static bool IsOne(StorageCall call) =>
        call.Method == "PUT" && call.Header("x-ms-copy-source") is not null && call.Target.Contains("comp=block&", StringComparison.Ordinal);

    public async Task<StorageReply> RunAsync(StorageCall call, Uri service)
    {
        using HttpRequestMessage read = Source(call).ToRequest(service);
        using HttpResponseMessage source = await client.SendAsync(read);
        if (!source.IsSuccessStatusCode) return Reply(call, (int)source.StatusCode, "CannotVerifyCopySource");
        (string container, string name, string blockId) = Destination(call.Target);
        try
        {
            await new BlockBlobClient(connectionString, container, name).StageBlockAsync(blockId, new MemoryStream(await source.Content.ReadAsByteArrayAsync()));
            return Reply(call, 201, null);
        }
        catch (RequestFailedException error)
        {
            return Reply(call, error.Status, error.ErrorCode ?? "Failed");
        }
    }

    /// <summary>A reply with what shows that it is storage's, and the one to this call.</summary>
    private static StorageReply Reply(StorageCall call, int status, string? error)
    {
        var headers = new List<KeyValuePair<string, string[]>>
        {
            new("x-ms-request-id", [Guid.NewGuid().ToString()]), new("x-ms-version", ["2021-12-02"]), new("x-ms-client-request-id", [call.Header("x-ms-client-request-id") ?? ""]),
            new("Date", [DateTimeOffset.UtcNow.ToString("R", CultureInfo.InvariantCulture)]),
        };
        if (error is not null) headers.Add(new("x-ms-error-code", [error]));
        return new StorageReply(status, headers, []);
    }

    // The source's address names the proxy; its signature does not cover the host.
    private static StorageCall Source(StorageCall call)
    {
        var headers = new List<KeyValuePair<string, string[]>> { new("x-ms-version", ["2021-12-02"]) };
        if (call.Header("x-ms-source-range") is { } range) headers.Add(new("x-ms-range", [range]));
        return new StorageCall("GET", new Uri(call.Header("x-ms-copy-source")!).PathAndQuery, headers, []);
    }

    /// <summary>Reads <c>/account/container/name?comp=block&amp;blockid=...</c>.</summary>
    private static (string Container, string Name, string BlockId) Destination(string target)
    {
        string[] halves = target.Split('?', 2);
        string[] path = halves[0].Split('/', 4);
        return (path[2], Uri.UnescapeDataString(path[3]), QueryHelpers.ParseQuery(halves[1])["blockid"].ToString());
    }
}
