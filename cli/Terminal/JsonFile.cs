using System.Text.Json;
using Gemma2.Backend;

namespace Gemma2.Cli.Terminal;

/// <summary>Reads a JSON document from a file or from stdin.</summary>
internal static class JsonFile
{
    // As the service reads bodies.
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 60, AllowDuplicateProperties = false };

    /// <summary>Reads one JSON object.</summary>
    /// <param name="path">A file; <c>-</c> is stdin.</param>
    /// <param name="maxBytes">It may be so long.</param>
    /// <param name="cancellationToken">Ends the wait for stdin.</param>
    /// <exception cref="InvalidRequestException">It is something else, or longer.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static async Task<JsonElement> ReadObjectAsync(string path, int maxBytes, CancellationToken cancellationToken)
    {
        string name = path == "-" ? "stdin" : $"'{path}'";
        await using Stream stream = path == "-" ? StandardInput.Open() : File.OpenRead(path);
        // A read of a terminal or pipe cannot be cancelled; waiting for it can.
        ReadOnlyMemory<byte> json = await Task.Run(() => ReadToEnd(stream, maxBytes + 1), cancellationToken).WaitAsync(cancellationToken);
        if (json.Length > maxBytes) throw new InvalidRequestException(null, $"{name} is too long; allowed are {Sizes.Describe(maxBytes)}.");
        try
        {
            using JsonDocument document = JsonDocument.Parse(WithoutByteOrderMark(json), Options);
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw new InvalidRequestException(null, $"{name} is not a JSON object.");
            CheckStrings(document);
            return document.RootElement.Clone();
        }
        catch (JsonException error)
        {
            throw new InvalidRequestException(null, $"{name} is not valid JSON: {error.Message}");
        }
        // Half a surrogate pair, which JSON's escapes can spell.
        catch (InvalidOperationException)
        {
            throw new InvalidRequestException(null, $"{name} has a string that is not valid Unicode text.");
        }
    }

    private static void CheckStrings(JsonDocument document)
    {
        using var writer = new Utf8JsonWriter(Stream.Null);
        document.WriteTo(writer);
    }

    private static ReadOnlyMemory<byte> ReadToEnd(Stream stream, int maxBytes)
    {
        var read = new MemoryStream();
        byte[] buffer = new byte[64 * 1024];
        for (int count; read.Length < maxBytes && (count = stream.Read(buffer)) > 0;) read.Write(buffer, 0, count);
        return read.GetBuffer().AsMemory(0, (int)read.Length);
    }

    private static ReadOnlyMemory<byte> WithoutByteOrderMark(ReadOnlyMemory<byte> json) => json.Span.StartsWith("\uFEFF"u8) ? json[3..] : json;
}
