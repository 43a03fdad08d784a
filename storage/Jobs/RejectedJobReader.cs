using System.Text.Json;

namespace Gemma2.Storage.Jobs;

/// <summary>Reads of a message that is not a job whose job it was to be, as far as the message can be read.</summary>
internal static class RejectedJobReader
{
    /// <summary>The job; null where the message has no usable id, two of them, or an owner that is not usable.</summary>
    public static RejectedJob? TryRead(ReadOnlySpan<byte> json)
    {
        Dictionary<string, string?> fields = ReadStrings(json);
        if (fields.GetValueOrDefault("id") is not { } id || !JobId.IsValid(id)) return null;
        bool hasOwner = fields.TryGetValue("owner", out string? owner);
        if (hasOwner && (owner is null || !OwnedId.IsValidOwner(owner))) return null;
        string? url = fields.GetValueOrDefault("callbackUrl") ?? fields.GetValueOrDefault("callback_url");
        return new RejectedJob(new OwnedId(owner, id), url is null ? null : JobMessage.TryReadCallbackUrl(url));
    }

    /// <summary>The outermost object's fields up to where it cannot be read any more; null for one that is no string, or that is there twice.</summary>
    private static Dictionary<string, string?> ReadStrings(ReadOnlySpan<byte> json)
    {
        var fields = new Dictionary<string, string?>();
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 64 });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return fields;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string name = reader.GetString()!;
                if (!reader.Read()) break;
                string? value = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
                fields[name] = fields.ContainsKey(name) ? null : value;
                reader.Skip();
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // What was read before stays.
        }
        return fields;
    }
}
