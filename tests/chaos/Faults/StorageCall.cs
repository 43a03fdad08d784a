using System.Xml.Linq;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Gemma2.Chaos.Tests.Faults;

/// <summary>A call of the app to storage, read whole, so that it can be made as often as a fault wants it.</summary>
/// <param name="Method">Its method.</param>
/// <param name="Target">Path and query, byte for byte as the app signed them.</param>
/// <param name="Headers">Its headers.</param>
/// <param name="Body">Its body.</param>
internal sealed record StorageCall(string Method, string Target, IReadOnlyList<KeyValuePair<string, string[]>> Headers, byte[] Body)
{
    // The client writes its own.
    private static readonly HashSet<string> NotPassedOn = new(StringComparer.OrdinalIgnoreCase) { "Host", "Connection", "Transfer-Encoding", "Expect" };

    public static async Task<StorageCall> ReadAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, http.RequestAborted);
        return new StorageCall(
            http.Request.Method,
            http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget,
            [.. http.Request.Headers.Where(header => !NotPassedOn.Contains(header.Key)).Select(header => KeyValuePair.Create(header.Key, header.Value.OfType<string>().ToArray()))],
            body.ToArray());
    }

    /// <summary>The value of a header, or null.</summary>
    public string? Header(string name) =>
        Headers.FirstOrDefault(header => header.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value?.FirstOrDefault();

    /// <summary>The queue and the text of the message that it sends; null where it sends none.</summary>
    public (string Queue, string Text)? ReadSentMessage()
    {
        string[] path = Target.Split('?')[0].Split('/');
        return HttpMethods.IsPost(Method) && path is ["", _, var queue, "messages"]
            ? (queue, XDocument.Load(new MemoryStream(Body)).Root!.Element("MessageText")!.Value)
            : null;
    }

    /// <summary>The call as it goes on to storage.</summary>
    public HttpRequestMessage ToRequest(Uri service)
    {
        var exact = new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true };
        var request = new HttpRequestMessage(new HttpMethod(Method), new Uri(service.GetLeftPart(UriPartial.Authority) + Target, exact));
        // A body of no bytes, too, has a length where the method has bodies: it is signed.
        if (HttpMethods.IsPut(Method) || HttpMethods.IsPost(Method)) request.Content = new ByteArrayContent(Body);
        foreach ((string name, string[] values) in Headers)
        {
            if (!request.Headers.TryAddWithoutValidation(name, values)) request.Content?.Headers.TryAddWithoutValidation(name, values);
        }
        return request;
    }
}
