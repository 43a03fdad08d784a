using System.Globalization;
using System.Text.Json;
using Gemma2.Backend;

namespace Gemma2.Functions.Queue;

/// <summary>
/// Reads what the Functions host POSTs to a queue function:
/// <c>{"Data":{"msg":"\"text\""},"Metadata":{"DequeueCount":"1","Id":"\"guid\"",...}}</c>. Every value is a string that holds a JSON literal.
/// Source: Microsoft, "Azure Functions custom handlers", request payload.
/// </summary>
internal static class HostInvocation
{
    /// <summary>The trigger's name in function.json.</summary>
    public const string TriggerName = "msg";

    // The message's own fields come back in Metadata, as deep as the message has them.
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 256 };

    /// <summary>Reads an invocation's body.</summary>
    /// <exception cref="HostInvocationException">It is not what a Functions host sends.</exception>
    public static async Task<QueueDelivery> ReadAsync(Stream body, CancellationToken cancellationToken)
    {
        try
        {
            using JsonDocument document = await JsonDocument.ParseAsync(body, Options, cancellationToken);
            JsonElement root = document.RootElement;
            return new QueueDelivery(Text(root.GetProperty("Data").GetProperty(TriggerName)), DequeueCount(root), InsertedOn(root), Metadata(root, "Id"));
        }
        // A field that is not there, or not of its type.
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new HostInvocationException(error);
        }
    }

    private static string Text(JsonElement data)
    {
        string literal = data.ValueKind == JsonValueKind.String ? data.GetString()! : data.GetRawText();
        return literal.StartsWith('"') ? JsonElement.Parse(literal).GetString()! : literal;
    }

    // Metadata only helps: a job does not fail because a host writes it in another way.
    private static long DequeueCount(JsonElement root) =>
        long.TryParse(Metadata(root, "DequeueCount"), NumberStyles.None, CultureInfo.InvariantCulture, out long count) ? count : 1;

    private static DateTimeOffset? InsertedOn(JsonElement root) =>
        DateTimeOffset.TryParse(Metadata(root, "InsertionTime"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)
            ? time
            : null;

    private static string? Metadata(JsonElement root, string name) =>
        root.TryGetProperty("Metadata", out JsonElement metadata) && metadata.TryGetProperty(name, out JsonElement value) ? value.ToString().Trim('"') : null;
}

/// <summary>A request to a queue function is not the Functions host's.</summary>
internal sealed class HostInvocationException(Exception inner)
    : Gemma2Exception(
        $"The request is not a Functions host's invocation: {{\"Data\":{{\"{HostInvocation.TriggerName}\":...}},\"Metadata\":{{...}}}} is expected.", inner);
