using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Text;
using Gemma2.Grammars.Tools;
using Gemma2.Service.Api;

namespace Gemma2.Service.Dialects.OpenAI;

/// <summary>
/// The calls of a conversation so far, as text in the form in which the model makes them, and their results as what a user says. It reads a conversation from its first message on, as
/// a result names only the id of its call.
/// </summary>
internal sealed class ToolMessages
{
    private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);

    /// <summary>What an assistant's message says that called functions.</summary>
    /// <param name="message">The message.</param>
    /// <param name="content">What it says beside the calls.</param>
    /// <returns>Null where it has no calls.</returns>
    public string? ReadCalls(RequestFields message, string content)
    {
        if (!message.TryGet("tool_calls", out JsonElement value))
            return null;
        string path = message.Path("tool_calls");
        if (value.ValueKind != JsonValueKind.Array)
            throw new InvalidRequestException(path, $"{path} must be an array.", ErrorCodes.WrongType);
        if (value.GetArrayLength() == 0)
            return null;
        string calls = ToolSyntax.Calls([.. value.EnumerateArray().Select((call, index) => ReadCall(new RequestFields(call, $"{path}[{index}]")))]);
        return content.Length > 0 ? $"{content}\n{calls}" : calls;
    }

    /// <summary>The turn of a message of the role <c>tool</c>.</summary>
    /// <param name="message">The message.</param>
    /// <param name="content">What the function gave back.</param>
    public ChatMessage ReadResult(RequestFields message, string content)
    {
        string path = message.Path("tool_call_id");
        string id = message.Required("tool_call_id", message.String("tool_call_id"));
        return _names.TryGetValue(id, out string? name)
            ? new ChatMessage(ChatMessage.User, ToolSyntax.Response(name, content))
            : throw new InvalidRequestException(path, $"{path} is '{RequestFields.Quote(id)}'; no call before it has this id.");
    }

    private string ReadCall(RequestFields call)
    {
        if (!call.TryGet("function", out JsonElement value))
            throw new InvalidRequestException(call.Path("function"), $"{call.Path("function")} is missing.", ErrorCodes.Missing);
        var function = new RequestFields(value, call.Path("function"));
        string name = function.Required("name", function.String("name"));
        _names[call.Required("id", call.String("id"))] = name;
        return ToolSyntax.Call(name, function.String("arguments") ?? "{}");
    }
}
