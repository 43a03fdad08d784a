using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Gemma2.Service.Api;

/// <summary>JSON from a function that writes it: the app's documents are few and their field order is part of their shape.</summary>
internal static class JsonBody
{
    // Non-ASCII text stays readable; nothing here is ever put into HTML.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Appends one JSON document to <paramref name="buffer"/>.</summary>
    public static void Append(IBufferWriter<byte> buffer, Action<Utf8JsonWriter> write)
    {
        using var json = new Utf8JsonWriter(buffer, Options);
        write(json);
    }

    /// <summary>One JSON document as UTF-8.</summary>
    public static ReadOnlyMemory<byte> ToUtf8(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        Append(buffer, write);
        return buffer.WrittenMemory;
    }

    /// <summary>One JSON document as text.</summary>
    public static string ToText(Action<Utf8JsonWriter> write) => Encoding.UTF8.GetString(ToUtf8(write).Span);

    /// <summary>Sends one JSON document as the whole response.</summary>
    public static async Task SendAsync(HttpResponse response, int status, Action<Utf8JsonWriter> write)
    {
        ReadOnlyMemory<byte> body = ToUtf8(write);
        response.StatusCode = status;
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(response.HttpContext.Request.Method))
            await response.Body.WriteAsync(body, response.HttpContext.RequestAborted);
    }
}
