using System.Text;
using System.Text.Json;

namespace Gemma2.Storage.Jobs;

/// <summary>
/// The text of a queue message, from what a sender's library made of it: base64 of UTF-8 as Functions apps send it, the text itself, either of them with a byte
/// order mark, as a JSON string, or in base64 twice. And why a text is none of them.
/// </summary>
public static class QueueText
{
    // A JSON string in base64, in base64: more is nobody's mistake.
    private const int MostWrappings = 3;

    private const char Mark = '\uFEFF';

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Takes the wrappings off a message's body; what is wrapped in nothing known stays as it is.</summary>
    public static string Read(string body)
    {
        string text = Unwrap(body) ?? body;
        // What looks like a wrapping inside of one is one only if JSON comes out of it: short words are base64 too.
        for (int i = 1; i < MostWrappings && Unwrap(text) is { } inner && MayBeJson(inner); i++) text = inner;
        return text.TrimStart(Mark);
    }

    /// <summary>Why a text is no JSON, as far as one can see whose mistake it is; null where one cannot.</summary>
    /// <param name="text">What <see cref="Read"/> gave.</param>
    public static string? WhyNotJson(string text)
    {
        string trimmed = text.Trim(' ', '\t', '\r', '\n', Mark);
        return trimmed switch
        {
            "" => "it is empty",
            ['b', '\'', .., '\''] or ['b', '"', .., '"'] => "it is not base64: it looks like Python's b'...', which str() makes of bytes; decode() makes text of them",
            ['{', '\'', ..] => "it looks like a Python dict: JSON has double quotes, which json.dumps() writes",
            _ when HasZeros(trimmed) => "it looks like UTF-16; allowed is UTF-8",
            ['<', ..] => "it looks like XML",
            ['H', '4', 's', 'I', ..] => "it looks like gzip in base64; messages are not compressed",
            ['{', ..] or ['[', ..] or ['"', ..] => null,
            _ when DecodedIsUtf16(trimmed) => "it is base64 of what looks like UTF-16; allowed is UTF-8",
            _ when Base64(trimmed) is { Length: > 2 } => "it is base64 of what is not UTF-8",
            ['e', 'y', ..] or ['e', 'w', ..] => $"it is not base64, though it looks like it: {WhyNotBase64(trimmed)}",
            _ => "it is neither JSON nor base64 of JSON",
        };
    }

    private static bool MayBeJson(string text) => text.TrimStart(' ', '\t', '\r', '\n', Mark) is ['{', ..] or ['"', ..] or ['e', 'y', ..] or ['e', 'w', ..];

    private static string? Unwrap(string text)
    {
        string trimmed = text.Trim(' ', '\t', '\r', '\n', Mark);
        if (trimmed is ['"', .., '"']) return JsonString(trimmed);
        if (Base64(trimmed) is not { Length: > 0 } bytes) return null;
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    private static string? JsonString(string text)
    {
        try
        {
            return JsonSerializer.Deserialize(text, StorageJson.Default.String);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static byte[]? Base64(string text)
    {
        byte[] bytes = new byte[text.Length / 4 * 3 + 3];
        return Convert.TryFromBase64String(text, bytes, out int length) ? bytes[..length] : null;
    }

    private static bool HasZeros(string text) => text.AsSpan(0, Math.Min(text.Length, 64)).Contains('\0');

    private static bool DecodedIsUtf16(string text) => Base64(text) is [0xff, 0xfe, ..] or [0xfe, 0xff, ..] or [(byte)'{', 0, ..] or [0, (byte)'{', ..];

    private static string WhyNotBase64(string text) =>
        text.AsSpan().ContainsAny('-', '_') ? "it has characters of base64url"
        : text.Length % 4 != 0 ? "its length is no multiple of 4, so that it is cut or has no padding"
        : "it is cut or has characters that base64 does not have";
}
