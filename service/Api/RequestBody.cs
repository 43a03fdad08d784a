using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Gemma2.Service.Api;

/// <summary>Reads a JSON body within limits.</summary>
internal static class RequestBody
{
    /// <summary>The longest body that is looked at: 10 MB hold the tokens of the longest context many times over.</summary>
    public const int MaxBytes = 10 * 1024 * 1024;

    /// <summary>
    /// The longest body that is read at all. What is past <see cref="MaxBytes"/> is thrown away unread, because a client (the Functions host is one)
    /// that is still sending when the connection closes never sees the answer. The host itself refuses bodies of more than 100 MB.
    /// </summary>
    public const int MaxDrainedBytes = 128 * 1024 * 1024;

    private static readonly string[] Utf8Names = ["utf-8", "utf8", "us-ascii"];

    // Schemas are deep. A job's message, which the storage reads to a depth of 64, holds the request two levels down.
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 60, AllowDuplicateProperties = false };

    private static ReadOnlySpan<byte> ByteOrderMark => "\uFEFF"u8;

    /// <summary>The request's body, which the caller disposes.</summary>
    /// <exception cref="ApiException">The body is no JSON in UTF-8 or is too long.</exception>
    public static async Task<JsonDocument> ReadJsonAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (!IsPlainJson(request))
            throw new ApiException(ApiError.ContentType(RequestFields.Quote(request.ContentType ?? ""), "application/json in UTF-8, not compressed"));
        return Parse(await ReadAsync(request.BodyReader, cancellationToken));
    }

    /// <summary>Parses what must be one JSON document in UTF-8, without duplicate fields or deep nesting. A byte order mark before it, as editors and shells put there, is skipped.</summary>
    /// <exception cref="ApiException">It is not.</exception>
    public static JsonDocument Parse(ReadOnlyMemory<byte> utf8)
    {
        if (utf8.Span.StartsWith(ByteOrderMark))
            utf8 = utf8[ByteOrderMark.Length..];
        if (!Utf8.IsValid(utf8.Span))
            throw new ApiException(ApiError.BadRequest("The request is not valid UTF-8."));
        try
        {
            return JsonDocument.Parse(utf8, Strict);
        }
        // InvalidOperationException: a field's name is an escaped half of a surrogate pair.
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new ApiException(ApiError.BadRequest($"The request is not valid JSON: {FirstLine(error.Message)}"));
        }
    }

    /// <summary>Throws the rest of a refused request away, up to its limit: a client that is still sending when the connection closes never sees the answer.</summary>
    public static async Task DrainAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        try
        {
            await request.Body.CopyToAsync(Stream.Null, cancellationToken);
        }
        catch (IOException)
        {
            // It is longer than the limit, or the client has gone: it is refused all the same.
        }
    }

    /// <summary>
    /// True for JSON that is not compressed, also of a kind of its own (<c>application/vnd.example+json</c>). A missing type is refused: a browser sends such a
    /// body to any server from any page without asking first.
    /// </summary>
    private static bool IsPlainJson(HttpRequest request) =>
        MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type)
        && (type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            || (type.Type.Equals("application", StringComparison.OrdinalIgnoreCase) && type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase)))
        && IsUtf8(HeaderUtilities.RemoveQuotes(type.Charset))
        && request.Headers.ContentEncoding.All(encoding => string.Equals(encoding, "identity", StringComparison.OrdinalIgnoreCase));

    /// <summary>True for the ways to spell UTF-8, for ASCII, which is a part of it, and where nothing is said.</summary>
    private static bool IsUtf8(StringSegment charset) =>
        StringSegment.IsNullOrEmpty(charset) || Utf8Names.Any(name => charset.Equals(name, StringComparison.OrdinalIgnoreCase));

    private static async Task<byte[]> ReadAsync(PipeReader reader, CancellationToken cancellationToken)
    {
        var body = new ArrayBufferWriter<byte>();
        bool tooLong = false;
        while (true)
        {
            ReadResult read = await ReadSomeAsync(reader, cancellationToken);
            tooLong |= body.WrittenCount + read.Buffer.Length > MaxBytes;
            if (!tooLong)
                foreach (ReadOnlyMemory<byte> segment in read.Buffer)
                    body.Write(segment.Span);
            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
                return tooLong ? throw new ApiException(ApiError.BodyTooLarge(MaxBytes)) : body.WrittenSpan.ToArray();
        }
    }

    private static async Task<ReadResult> ReadSomeAsync(PipeReader reader, CancellationToken cancellationToken)
    {
        try
        {
            return await reader.ReadAsync(cancellationToken);
        }
        // Kestrel's word for a chunk whose length is no number that it can hold; for all else that is wrong it has BadHttpRequestException.
        catch (IOException error) when (error.InnerException is OverflowException)
        {
            throw new ApiException(ApiError.BadRequest("The request's body is not in valid chunks."));
        }
    }

    private static string FirstLine(string text) => text.AsSpan().IndexOfAny('\r', '\n') is var end and >= 0 ? text[..end] : text;
}
