using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Text;
using Gemma2.Service.Api;

namespace Gemma2.Service.Dialects.Responses;

/// <summary>
/// Reads items. It reads a conversation from its first item on, as a result names only the id of its call. Clients send back what servers answered, with whatever these put into it (status,
/// annotations, log-probabilities): what says nothing is left alone, and so is what a model thought.
/// </summary>
/// <param name="known">Items that others may refer to by id.</param>
internal sealed class ItemReader(IReadOnlyDictionary<string, Item> known)
{
    private const string ItemReference = "item_reference";

    private readonly HashSet<string> _calls = new(StringComparer.Ordinal);

    /// <summary>Takes note of items that come before those that are read.</summary>
    public void Follow(IEnumerable<Item> before) => _calls.UnionWith(before.OfType<Item.Call>().Select(call => call.CallId));

    /// <summary>Reads a text, which is a user's message, or an array of items.</summary>
    /// <param name="input">What holds them.</param>
    /// <param name="path">Where it is in the request, for errors.</param>
    /// <exception cref="InvalidRequestException">An item is wrong.</exception>
    public IReadOnlyList<Item> Read(JsonElement input, string path) => input.ValueKind switch
    {
        JsonValueKind.String => [new Item.Message(Item.NewId(Item.MessagePrefix), ChatMessage.User, [RequestFields.Text(input, path)])],
        JsonValueKind.Array => [.. input.EnumerateArray().SelectMany((item, index) => Read(new RequestFields(item, $"{path}[{index}]")))],
        _ => throw new InvalidRequestException(path, $"{path} must be a string or an array of items.", ErrorCodes.WrongType),
    };

    /// <summary>The ids that items of an array refer to.</summary>
    public static IEnumerable<string> References(JsonElement input) => input.ValueKind != JsonValueKind.Array ? [] : input.EnumerateArray()
        .Where(item => item.ValueKind == JsonValueKind.Object).Select(item => new RequestFields(item, "input"))
        .Where(item => TypeOf(item) == ItemReference).Select(item => item.String("id")).OfType<string>();

    /// <summary>A message need not say that it is one, nor a reference.</summary>
    private static string? TypeOf(RequestFields item) =>
        item.String("type") ?? (item.TryGet("role", out _) ? "message" : item.TryGet("id", out _) ? ItemReference : null);

    private Item[] Read(RequestFields item) => item.Required("type", TypeOf(item)) switch
    {
        "message" => [ReadMessage(item)],
        "function_call" => [ReadCall(item)],
        "function_call_output" => [ReadResult(item)],
        "reasoning" => [],
        ItemReference => [Follow(item)],
        var type => throw new InvalidRequestException(
            item.Path("type"),
            $"{item.Path("type")} is '{RequestFields.Quote(type)}'; allowed are message, function_call, function_call_output, reasoning and item_reference."),
    };

    private static Item.Message ReadMessage(RequestFields item)
    {
        string role = item.Required("role", item.String("role"));
        return role is ChatMessage.User or ChatMessage.Assistant or ChatMessage.Instruction or "developer"
            ? new Item.Message(IdOf(item, Item.MessagePrefix), role, ReadTexts(item, "content", ["input_text", "output_text", "refusal"]))
            : throw new InvalidRequestException(item.Path("role"), $"{item.Path("role")} is '{RequestFields.Quote(role)}'; allowed are user, assistant, system and developer.");
    }

    private Item.Call ReadCall(RequestFields item)
    {
        string callId = item.Required("call_id", item.String("call_id"));
        _calls.Add(callId);
        string arguments = item.Required("arguments", item.String("arguments"));
        return new Item.Call(IdOf(item, Item.CallPrefix), callId, item.Required("name", item.String("name")), arguments.Length > 0 ? arguments : "{}");
    }

    private Item.Result ReadResult(RequestFields item)
    {
        string callId = item.Required("call_id", item.String("call_id"));
        return _calls.Contains(callId)
            ? new Item.Result(IdOf(item, Item.ResultPrefix), callId, string.Concat(ReadTexts(item, "output", ["input_text"])))
            : throw new InvalidRequestException(item.Path("call_id"), $"{item.Path("call_id")} is '{RequestFields.Quote(callId)}'; no call before it has this id.");
    }

    private Item Follow(RequestFields item)
    {
        string id = item.Required("id", item.String("id"));
        if (!known.TryGetValue(id, out Item? found))
            throw new InvalidRequestException(item.Path("id"), $"{item.Path("id")} refers to the item '{RequestFields.Quote(id)}', which is not stored here; send the item itself.");
        Follow([found]);
        return found;
    }

    private static string IdOf(RequestFields item, string prefix) => item.String("id") ?? Item.NewId(prefix);

    /// <summary>A text, or an array of parts that are texts.</summary>
    private static string[] ReadTexts(RequestFields item, string name, string[] types)
    {
        string path = item.Path(name);
        if (!item.TryGet(name, out JsonElement value))
            throw new InvalidRequestException(path, $"{path} is missing.", ErrorCodes.Missing);
        return value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select((part, index) => ReadPart(new RequestFields(part, $"{path}[{index}]"), types))]
            : [RequestFields.Text(value, path)];
    }

    private static string ReadPart(RequestFields part, string[] types)
    {
        string type = part.Required("type", part.String("type"));
        if (!types.Contains(type))
            throw new InvalidRequestException(part.Path("type"), $"{part.Path("type")} is '{RequestFields.Quote(type)}'; allowed {(types.Length > 1 ? "are" : "is")} {string.Join(", ", types)}.");
        string name = type == "refusal" ? type : "text";
        return part.Required(name, part.String(name));
    }
}
