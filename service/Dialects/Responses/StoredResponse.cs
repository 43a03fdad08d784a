using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Service.Api;
using Gemma2.Storage;

namespace Gemma2.Service.Dialects.Responses;

/// <summary>
/// A response as it is kept, <c>{"response":{...},"items":[...]}</c>: the object as it was told, and all items that it was made from, those of the responses before it too. So one read is enough to go
/// on from it.
/// </summary>
internal sealed class StoredResponse
{
    private readonly OwnedId _key;

    private StoredResponse(OwnedId key, JsonElement root) => (_key, Response, Items) = (key, root.GetProperty("response"), root.GetProperty("items"));

    /// <summary>The response object.</summary>
    public JsonElement Response { get; }

    /// <summary>The items that it was made from, oldest first.</summary>
    public JsonElement Items { get; }

    /// <summary>What it says.</summary>
    /// <exception cref="StorageException">It is damaged.</exception>
    public IReadOnlyList<Item> Output => Read(NewReader(), "output");

    /// <summary>The conversation up to its end.</summary>
    /// <exception cref="StorageException">It is damaged.</exception>
    public IReadOnlyList<Item> Conversation
    {
        get
        {
            ItemReader reader = NewReader();
            return [.. Read(reader, "items"), .. Read(reader, "output")];
        }
    }

    /// <summary>The document to keep.</summary>
    public static ReadOnlyMemory<byte> Write(ReadOnlyMemory<byte> response, IReadOnlyList<Item> items) => JsonBody.ToUtf8(json =>
    {
        json.WriteStartObject();
        json.WritePropertyName("response");
        json.WriteRawValue(response.Span);
        json.WriteStartArray("items");
        foreach (Item item in items)
            item.Write(json);
        json.WriteEndArray();
        json.WriteEndObject();
    });

    /// <summary>Reads a document.</summary>
    /// <exception cref="StorageException">It is none.</exception>
    public static StoredResponse Parse(OwnedId key, ReadOnlyMemory<byte> json)
    {
        try
        {
            var response = new StoredResponse(key, JsonElement.Parse(json.Span));
            if (response.Response.ValueKind == JsonValueKind.Object && response.Items.ValueKind == JsonValueKind.Array)
                return response;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw Damaged(key, e);
        }
        throw Damaged(key, null);
    }

    private static ItemReader NewReader() => new(new Dictionary<string, Item>());

    private IReadOnlyList<Item> Read(ItemReader reader, string part)
    {
        try
        {
            return reader.Read(part == "items" ? Items : Response.GetProperty(part), part);
        }
        catch (Exception e) when (e is InvalidRequestException or KeyNotFoundException)
        {
            throw Damaged(_key, e);
        }
    }

    private static StorageException Damaged(OwnedId key, Exception? inner) => new($"What is stored as the response {key} is damaged.", inner: inner);
}
