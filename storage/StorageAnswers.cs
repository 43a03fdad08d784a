using System.Globalization;
using System.Net.Http.Headers;
using System.Xml;
using Azure;
using Azure.Core;
using Azure.Core.Pipeline;

namespace Gemma2.Storage;

/// <summary>
/// Holds every answer against what storage's own look like before anybody takes it for a fact: a proxy, a balancer or a broken cache between the app and
/// storage may answer too. What is not storage's own is a failure of the call, and the call is tried again. The headers are those that the service documents for
/// every operation ("Status and error codes", "Versioning", "x-ms-client-request-id" of the REST reference); the emulator leaves version and client's id out of errors.
/// </summary>
/// <param name="clock">Learns storage's time from answers that hold.</param>
/// <param name="hasVersions">Whether the service's things have ETags: blobs do, queues do not.</param>
internal sealed class StorageAnswers(StorageClock clock, bool hasVersions) : HttpPipelinePolicy
{
    private const string RequestId = "x-ms-request-id";
    private const string ClientRequestId = "x-ms-client-request-id";
    private const string ErrorCode = "x-ms-error-code";
    private const string Version = "x-ms-version";

    // Storage is younger than this; a blob cannot be older.
    private static readonly DateTimeOffset OldestChange = new(2008, 1, 1, 0, 0, 0, TimeSpan.Zero);

    // Of a service's many machines not all have one time.
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(5);

    private static readonly XmlReaderSettings Xml = new() { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null };

    /// <inheritdoc/>
    public override void Process(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
    {
        TimeSpan sent = clock.Uptime;
        ProcessNext(message, pipeline);
        Check(message, sent);
    }

    /// <inheritdoc/>
    public override async ValueTask ProcessAsync(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
    {
        TimeSpan sent = clock.Uptime;
        await ProcessNextAsync(message, pipeline);
        Check(message, sent);
    }

    private void Check(HttpMessage message, TimeSpan sent)
    {
        // Failures of the call by their status, whoever says so, and what asks for a token.
        if (message.Response.Status is 401 or 408 or 429 or >= 500) return;
        string? wrong = Sender(message) ?? Time(message.Response, sent) ?? (message.Response.Status < 300 ? Success(message) : null);
        if (wrong is not null) throw new StorageAnswerException($"the answer (status {message.Response.Status}) {wrong}");
        if (message.Response.Status is 200 && message.Request.Method != RequestMethod.Head && BodyHash(message.Response) is { } hash)
            message.Response.ContentStream = new HashedBody(message.Response.ContentStream ?? Stream.Null, message.Response.Headers.ContentLength ?? 0, hash).Begun();
    }

    /// <summary>Whether storage sent it, to this call.</summary>
    private static string? Sender(HttpMessage message)
    {
        Response answer = message.Response;
        if (answer.Status is >= 300 and < 400 and not 304) return "is a redirection, which storage does not send";
        if (answer.Headers.ContentType?.StartsWith("text/html", StringComparison.OrdinalIgnoreCase) == true) return "is a web page";
        if (!answer.Headers.Contains(RequestId)) return $"has no {RequestId}: it is not storage's";
        string? echo = Header(answer, ClientRequestId);
        if (echo is not null && echo != message.Request.ClientRequestId) return $"is one to another call: its {ClientRequestId} is not the one that was sent";
        if (answer.Status >= 300) return Header(answer, ErrorCode) is null ? $"has no {ErrorCode}: it is not storage's" : null;
        if (Header(answer, ErrorCode) is { } code) return $"has the error {code} and a status that says success";
        return echo is null || !answer.Headers.Contains(Version) ? $"has no {ClientRequestId} and {Version}: it is not storage's" : null;
    }

    private string? Time(Response answer, TimeSpan sent)
    {
        if (Header(answer, "Date") is not { } text) return "has no Date";
        if (ReadDate(text) is not { } date) return "has a Date that is none";
        return clock.TryLearn(date, sent) ? null : $"has the Date {text}, which cannot be";
    }

    private string? Success(HttpMessage message)
    {
        Request request = message.Request;
        Response answer = message.Response;
        return (hasVersions ? WhatIsWrongWithVersion(request, answer) : Receipt(request, answer)) ?? Range(request, answer) ?? Body(request, answer);
    }

    private static string? WhatIsWrongWithVersion(Request request, Response answer)
    {
        bool isNamed = NamesVersion(request);
        string? etag = Header(answer, "ETag"), changed = Header(answer, "Last-Modified");
        if (isNamed && (etag is null || changed is null)) return "has no ETag, or no Last-Modified";
        // A weak one says that other bytes may come under it: no condition can rest on it.
        if (etag is not null && etag is not ['"', .. { Length: > 0 }, '"']) return $"has an ETag that is weak or none: {etag}";
        if (changed is null) return null;
        bool isPossible = ReadDate(changed) is { } time && time > OldestChange && time < ReadDate(Header(answer, "Date")!) + ClockTolerance;
        return isPossible ? null : $"has the Last-Modified {changed}, which cannot be";
    }

    /// <summary>Whether the answer names the version of a blob or container: all do but those to blocks, lists and deletions.</summary>
    private static bool NamesVersion(Request request)
    {
        string? operation = Query(request, "comp");
        return request.Method != RequestMethod.Delete && (operation is null or "metadata" || (operation == "blocklist" && request.Method == RequestMethod.Put));
    }

    private static string? Receipt(Request request, Response answer) =>
        request.Method == RequestMethod.Put && request.Uri.Path.Contains("/messages/", StringComparison.Ordinal) && !answer.Headers.Contains("x-ms-popreceipt")
            ? "has no x-ms-popreceipt"
            : null;

    /// <summary>Whether the bytes are those that were asked for.</summary>
    private static string? Range(Request request, Response answer)
    {
        if (!(request.Headers.TryGetValue("x-ms-range", out string? asked) || request.Headers.TryGetValue("Range", out asked))) return null;
        string begin = asked!["bytes=".Length..].Split('-')[0];
        string? given = Header(answer, "Content-Range");
        bool isThat = answer.Status == 206
            && ContentRangeHeaderValue.TryParse(given, out ContentRangeHeaderValue? range)
            && range.From?.ToString(CultureInfo.InvariantCulture) == begin
            && range.To - range.From + 1 == answer.Headers.ContentLength;
        return isThat ? null : $"has the range '{given}' in {answer.Headers.ContentLength} bytes, asked for was '{asked}'";
    }

    private static string? Body(Request request, Response answer)
    {
        if (answer.ContentStream is not { CanSeek: true } body || request.Method == RequestMethod.Head) return null;
        if (answer.Headers.ContentLength is { } length && body.Length != length) return $"is cut: it has {body.Length} bytes of {length}";
        if (RootOf(request) is not { } root) return null;
        string? found = ReadRoot(body);
        return found == root ? null : $"holds {(found is null ? "no XML" : $"<{found}>")} where <{root}> belongs";
    }

    /// <summary>The root of the XML that an operation answers; null for one that answers none.</summary>
    private static string? RootOf(Request request) => (Query(request, "comp"), request.Method) switch
    {
        ("list", _) => "EnumerationResults",
        ("blocklist", var method) when method == RequestMethod.Get => "BlockList",
        (null, var method) when (method == RequestMethod.Get || method == RequestMethod.Post) && request.Uri.Path.EndsWith("/messages", StringComparison.Ordinal) => "QueueMessagesList",
        _ => null,
    };

    private static string? ReadRoot(Stream body)
    {
        try
        {
            using var reader = XmlReader.Create(body, Xml);
            return reader.MoveToContent() == XmlNodeType.Element ? reader.LocalName : null;
        }
        catch (XmlException)
        {
            return null;
        }
        finally
        {
            body.Position = 0;
        }
    }

    /// <summary>The hash of a body that is a whole blob, where storage sends one: of blobs that were written in one piece.</summary>
    private static byte[]? BodyHash(Response answer)
    {
        byte[] hash = new byte[16];
        return Header(answer, "Content-MD5") is { } text && Convert.TryFromBase64String(text, hash, out int length) && length == hash.Length ? hash : null;
    }

    private static string? Query(Request request, string name) => request.Uri.Query.TrimStart('?').Split('&')
        .Select(pair => pair.Split('=', 2)).FirstOrDefault(pair => pair[0] == name)?.ElementAtOrDefault(1);

    private static string? Header(Response answer, string name) => answer.Headers.TryGetValue(name, out string? value) ? value : null;

    private static DateTimeOffset? ReadDate(string text) =>
        DateTimeOffset.TryParseExact(text, "r", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset date) ? date : null;
}
