using System.Text;

namespace Gemma2.Testing;

/// <summary>What a <see cref="StorageProxy"/> can answer that storage does not.</summary>
internal static class Lies
{
    /// <summary>Every one by its name, but for those that never end.</summary>
    public static IReadOnlyDictionary<string, Lie> All { get; } = new Dictionary<string, Lie>
    {
        ["bare 404"] = BareNotFound,
        ["404 of a proxy"] = (_, _) => Reply(404, "<html><body>nginx</body></html>", ("Content-Type", "text/html"), Now),
        ["404 with a code in its body alone"] = (_, _) => Reply(
            404, "<?xml version=\"1.0\"?><Error><Code>BlobNotFound</Code></Error>", ("Content-Type", "application/xml"), ("x-ms-request-id", "1"), Now),
        ["404 to another call"] = (_, _) => Reply(404, "", ("x-ms-error-code", "BlobNotFound"), ("x-ms-request-id", "1"), ("x-ms-client-request-id", "other"), Now),
        ["404 without storage's id"] = (_, _) => Reply(404, "", ("x-ms-error-code", "BlobNotFound"), Now),
        ["404 without a time"] = (_, _) => Reply(404, "", ("x-ms-error-code", "BlobNotFound"), ("x-ms-request-id", "1")),
        ["404 with another code"] = (_, _) => Reply(404, "", ("x-ms-request-id", "1"), Now),
        ["web page"] = (_, _) => Reply(200, "<html><body>Sign in</body></html>", ("Content-Type", "text/html"), Now),
        ["web page with storage's headers"] = async (_, pass) => (await pass()).WithBody("<html></html>"u8.ToArray()).With("Content-Type", "text/html"),
        ["redirection"] = (_, _) => Reply(302, "", ("Location", "http://127.0.0.1:1/"), ("x-ms-request-id", "1"), Now),
        ["empty 200"] = (_, _) => Reply(200, "", Now),
        ["answer to another call"] = async (_, pass) => (await pass()).With("x-ms-client-request-id", "another"),
        ["answer without the call's id"] = async (_, pass) => await pass() is { Status: < 300 } reply ? reply.With("x-ms-client-request-id", null) : await OtherCall(),
        ["error with success"] = async (_, pass) => (await pass() with { Status = 200 }).With("x-ms-error-code", "InternalError"),
        ["no time"] = async (_, pass) => (await pass()).With("Date", null),
        ["time that is none"] = async (_, pass) => (await pass()).With("Date", "yesterday"),
        ["time long ago"] = async (_, pass) => (await pass()).With("Date", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ["time to come"] = async (_, pass) => (await pass()).With("Date", "Tue, 01 Jan 2099 00:00:00 GMT"),
        ["cut body"] = async (_, pass) => await pass() is { Body.Length: > 1 } reply ? reply with { Body = reply.Body[..(reply.Body.Length / 2)] } : null,
        ["broken connection"] = (_, _) => Task.FromResult<ProxiedReply?>(null),
    };

    /// <summary>Those that only answers with a version can show.</summary>
    public static IReadOnlyDictionary<string, Lie> OfVersions { get; } = new Dictionary<string, Lie>
    {
        ["weak ETag"] = async (_, pass) => await pass() is { } reply ? reply.With("ETag", "W/" + (Header(reply, "ETag") ?? "\"1\"")) : null,
        ["ETag without quotes"] = async (_, pass) => (await pass()).With("ETag", "0x1"),
        ["no ETag"] = async (_, pass) => (await pass()).With("ETag", null),
        ["no Last-Modified"] = async (_, pass) => (await pass()).With("Last-Modified", null),
        ["Last-Modified that is none"] = async (_, pass) => (await pass()).With("Last-Modified", "0"),
        ["Last-Modified long ago"] = async (_, pass) => (await pass()).With("Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ["Last-Modified to come"] = async (_, pass) => (await pass()).With("Last-Modified", "Tue, 01 Jan 2099 00:00:00 GMT"),
    };

    /// <summary>Those that only answers with a body can show.</summary>
    public static IReadOnlyDictionary<string, Lie> OfBodies { get; } = new Dictionary<string, Lie>
    {
        ["cut body of the right length"] = async (_, pass) => await pass() is var reply && reply.Body.Length > 1 ? reply.WithBody(reply.Body[..(reply.Body.Length / 2)]) : reply,
        ["error in the body"] = async (_, pass) => (await pass()).WithBody("<?xml version=\"1.0\"?><Error><Code>InternalError</Code></Error>"u8.ToArray()),
        ["no body"] = async (_, pass) => (await pass()).WithBody([]),
    };

    /// <summary>What a proxy or a balancer says of a name that it does not know.</summary>
    public static Task<ProxiedReply?> BareNotFound(ProxiedCall call, Func<Task<ProxiedReply>> pass) => Reply(404, "", Now);

    /// <summary>The connection is there, and no answer comes.</summary>
    public static async Task<ProxiedReply?> Hang(ProxiedCall call, Func<Task<ProxiedReply>> pass)
    {
        await Task.Delay(Timeout.Infinite);
        return null;
    }

    private static (string, string) Now => ("Date", DateTimeOffset.UtcNow.ToString("r"));

    private static Task<ProxiedReply?> OtherCall() => Reply(404, "", ("x-ms-error-code", "BlobNotFound"), ("x-ms-request-id", "1"), ("x-ms-client-request-id", "other"), Now);

    private static string? Header(ProxiedReply reply, string name) => reply.Headers.FirstOrDefault(header => header.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Value;

    private static Task<ProxiedReply?> Reply(int status, string body, params (string, string)[] headers) =>
        Task.FromResult<ProxiedReply?>(new ProxiedReply(status, headers, []).WithBody(Encoding.UTF8.GetBytes(body)));
}
