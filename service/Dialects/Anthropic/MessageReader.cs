using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Text;
using Gemma2.Grammars.Tools;
using Gemma2.Service.Api;

namespace Gemma2.Service.Dialects.Anthropic;

/// <summary>
/// Reads a conversation's messages from the first one on, as a result names only the id of its call. Each block that says something is a message of its own, of the same role: neighbours of one
/// role become one turn. Clients send back what servers answered with fields of their own, which are left alone; a block that cannot be read is refused.
/// </summary>
internal sealed class MessageReader
{
    private const string Content = "content";

    private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);

    /// <summary>Whether the last message calls functions.</summary>
    public bool HasOpenCalls { get; private set; }

    /// <summary>Reads a text, or an array of text blocks, that says how to answer.</summary>
    /// <param name="value">What it is.</param>
    /// <param name="path">Where it is.</param>
    public static IEnumerable<ChatMessage> ReadInstructions(JsonElement value, string path) => ReadTexts(value, path).Select(text => new ChatMessage(ChatMessage.Instruction, text));

    /// <summary>Reads the next message.</summary>
    public IEnumerable<ChatMessage> Read(RequestFields message)
    {
        string role = message.Required("role", message.String("role"));
        string path = message.Path(Content);
        if (!message.TryGet(Content, out JsonElement value))
            throw new InvalidRequestException(path, $"{path} is missing.");
        HasOpenCalls = false;
        return role switch
        {
            ChatMessage.User or ChatMessage.Assistant when value.ValueKind != JsonValueKind.Array => [new ChatMessage(role, RequestFields.Text(value, path))],
            ChatMessage.User => ReadBlocks(value, path, ReadOfUser),
            ChatMessage.Assistant => ReadOfAssistant(value, path),
            ChatMessage.Instruction => ReadInstructions(value, path),
            _ => throw new InvalidRequestException(message.Path("role"), $"{message.Path("role")} is '{RequestFields.Quote(role)}'; allowed are user, assistant and system."),
        };
    }

    private static List<T> ReadBlocks<T>(JsonElement array, string path, Func<RequestFields, string, T?> read)
        where T : class
    {
        var said = new List<T>();
        foreach ((int index, JsonElement element) in array.EnumerateArray().Index())
        {
            var block = new RequestFields(element, $"{path}[{index}]");
            if (read(block, block.Required("type", block.String("type"))) is { } part)
                said.Add(part);
        }
        return said;
    }

    private ChatMessage ReadOfUser(RequestFields block, string type) => type switch
    {
        "text" => new ChatMessage(ChatMessage.User, ReadText(block)),
        "tool_result" => ReadResult(block),
        _ => throw Unread(block, type, "text and tool_result"),
    };

    /// <summary>Texts, then calls, in the form in which the model makes them. What it thought is not for it to read again.</summary>
    private List<ChatMessage> ReadOfAssistant(JsonElement array, string path)
    {
        var calls = new List<string>();
        List<ChatMessage> said = ReadBlocks(array, path, (block, type) =>
        {
            switch (type)
            {
                case "text": return new ChatMessage(ChatMessage.Assistant, ReadText(block));
                case "tool_use": calls.Add(ReadCall(block)); return null;
                case "thinking" or "redacted_thinking": return null;
                default: throw Unread(block, type, "text, tool_use, thinking and redacted_thinking");
            }
        });
        HasOpenCalls = calls.Count > 0;
        if (calls.Count > 0 || said.Count == 0)
            said.Add(new ChatMessage(ChatMessage.Assistant, ToolSyntax.Calls(calls)));
        return said;
    }

    private string ReadCall(RequestFields block)
    {
        string name = block.Required("name", block.String("name"));
        _names[block.Required("id", block.String("id"))] = name;
        string path = block.Path("input");
        if (!block.TryGet("input", out JsonElement input))
            throw new InvalidRequestException(path, $"{path} is missing.");
        return input.ValueKind == JsonValueKind.Object
            ? ToolSyntax.Call(name, RequestFields.Json(input, path))
            : throw new InvalidRequestException(path, $"{path} must be an object.");
    }

    private ChatMessage ReadResult(RequestFields block)
    {
        string path = block.Path("tool_use_id");
        string id = block.Required("tool_use_id", block.String("tool_use_id"));
        if (!_names.TryGetValue(id, out string? name))
            throw new InvalidRequestException(path, $"{path} is '{RequestFields.Quote(id)}'; no tool_use before it has this id.");
        string content = block.TryGet(Content, out JsonElement value) ? string.Join('\n', ReadTexts(value, block.Path(Content))) : "";
        return new ChatMessage(ChatMessage.User, ToolSyntax.Response(name, block.Boolean("is_error") ?? false ? $"Error: {content}" : content));
    }

    private static List<string> ReadTexts(JsonElement value, string path) => value.ValueKind == JsonValueKind.Array
        ? ReadBlocks(value, path, (block, type) => type == "text" ? ReadText(block) : throw Unread(block, type, "text"))
        : [RequestFields.Text(value, path)];

    private static string ReadText(RequestFields block) => block.Required("text", block.String("text"));

    private static InvalidRequestException Unread(RequestFields block, string type, string allowed) =>
        new(block.Path("type"), $"{block.Path("type")} is '{RequestFields.Quote(type)}', which this model does not read here; allowed: {allowed}.");
}
