using System.Runtime.InteropServices;
using System.Text.Json;

namespace Gemma2.Storage.Batches;

/// <summary>
/// Finished lines as a chunk's blob holds them: <c>{"line","ok","input_tokens","output_tokens","expired"?,"output":{...}}</c>, each with a line end.
/// </summary>
internal static class ChunkCheckpoint
{
    public static byte[] Write(IEnumerable<ChunkLine> lines)
    {
        using var stream = new MemoryStream();
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { SkipValidation = true });
        foreach (ChunkLine line in lines)
        {
            json.WriteStartObject();
            json.WriteNumber("line", line.Line);
            json.WriteBoolean("ok", line.Ok);
            json.WriteNumber("input_tokens", line.InputTokens);
            json.WriteNumber("output_tokens", line.OutputTokens);
            if (line.Expired) json.WriteBoolean("expired", true);
            json.WritePropertyName("output");
            json.WriteRawValue(line.Output.Span, skipInputValidation: true);
            json.WriteEndObject();
            json.Flush();
            stream.WriteByte((byte)'\n');
            json.Reset();
        }
        return stream.ToArray();
    }

    /// <summary>Reads what <see cref="Write"/> wrote, to the byte.</summary>
    /// <exception cref="StorageException">It is something else.</exception>
    public static List<ChunkLine> Read(ReadOnlyMemory<byte> content, string blob)
    {
        var lines = new List<ChunkLine>();
        try
        {
            while (content.Length > 0)
            {
                int end = content.Span.IndexOf((byte)'\n');
                lines.Add(ReadLine(content[..end]));
                content = content[(end + 1)..];
            }
            return lines;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new StorageException($"The blob {blob} is not a chunk's checkpoint.", inner: e);
        }
    }

    private static ChunkLine ReadLine(ReadOnlyMemory<byte> utf8)
    {
        using var document = JsonDocument.Parse(utf8);
        JsonElement line = document.RootElement;
        return new ChunkLine(
            line.GetProperty("line").GetInt32(),
            line.GetProperty("ok").GetBoolean(),
            line.GetProperty("input_tokens").GetInt64(),
            line.GetProperty("output_tokens").GetInt64(),
            JsonMarshal.GetRawUtf8Value(line.GetProperty("output")).ToArray(),
            line.TryGetProperty("expired", out _));
    }
}
