using System.Text;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Text;
using Gemma2.Service.Api;

namespace Gemma2.Service.Dialects.OpenAI;

/// <summary>
/// Reads one of a chat's messages. Clients send back what servers answered, with whatever these and they themselves put into it (annotations, reasoning, names, ids): what this server does not
/// know it leaves alone. What stands for content that it cannot read is refused.
/// </summary>
internal static class MessageParser
{
    private const string Tool = "tool";

    // Not text, but said all the same: a conversation without it would be another one.
    private static readonly string[] UnreadContent = ["function_call", "audio"];

    /// <summary>Reads a message.</summary>
    /// <param name="message">The message.</param>
    /// <param name="tools">Has read those before it.</param>
    public static ChatMessage Read(RequestFields message, ToolMessages tools)
    {
        string role = Role(message);
        foreach (string name in UnreadContent)
            if (message.TryGet(name, out JsonElement value) && !IsEmptyArray(value))
                throw new InvalidRequestException(message.Path(name), $"{message.Path(name)} is not supported.", ErrorCodes.UnsupportedField);
        string content = Content(message, mayBeAbsent: role == ChatMessage.Assistant);
        if (role == Tool)
            return tools.ReadResult(message, content);
        return new ChatMessage(role, (role == ChatMessage.Assistant ? tools.ReadCalls(message, content) : null) ?? content);
    }

    private static string Role(RequestFields message) => message.Required("role", message.String("role")) switch
    {
        (ChatMessage.User or ChatMessage.Assistant or ChatMessage.Instruction or "developer" or Tool) and var role => role,
        var role => throw new InvalidRequestException(
            message.Path("role"), $"{message.Path("role")} is '{RequestFields.Quote(role)}'; allowed are user, assistant, system, developer and tool."),
    };

    /// <summary>A string, or an array of parts. An assistant that said nothing has no content, or null.</summary>
    private static string Content(RequestFields message, bool mayBeAbsent)
    {
        string path = message.Path("content");
        if (!message.TryGet("content", out JsonElement value))
            return mayBeAbsent ? message.String("refusal") ?? "" : throw new InvalidRequestException(path, $"{path} is missing.", ErrorCodes.Missing);
        if (value.ValueKind != JsonValueKind.Array)
            return RequestFields.Text(value, path);
        var text = new StringBuilder();
        foreach ((int index, JsonElement part) in value.EnumerateArray().Index())
            text.Append(PartText(new RequestFields(part, $"{path}[{index}]")));
        return text.ToString();
    }

    private static string PartText(RequestFields part) => part.Required("type", part.String("type")) switch
    {
        ("text" or "refusal") and var type => part.Required(type, part.String(type)),
        var type => throw new InvalidRequestException(part.Path("type"), $"{part.Path("type")} is '{RequestFields.Quote(type)}'; allowed is text."),
    };

    private static bool IsEmptyArray(JsonElement value) => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0;
}
