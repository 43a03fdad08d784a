using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Text;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.Anthropic;

/// <summary>Reads <c>system</c> and <c>messages</c>. A last message of the assistant is the beginning of the answer, which goes on from there.</summary>
internal static class MessagesParser
{
    private const string System = "system";
    private const string Messages = "messages";

    /// <summary>The fields that are read here.</summary>
    public static readonly string[] Fields = [System, Messages];

    /// <summary>The conversation.</summary>
    public static Prompt.Chat Parse(RequestFields request)
    {
        if (!request.TryGet(Messages, out JsonElement value))
            throw new InvalidRequestException(Messages, "messages is missing.");
        if (value.ValueKind != JsonValueKind.Array)
            throw new InvalidRequestException(Messages, "messages must be an array.");
        if (value.GetArrayLength() == 0)
            throw new InvalidRequestException(Messages, "messages is empty; at least one message is needed.");
        var reader = new MessageReader();
        List<ChatMessage> messages = request.TryGet(System, out JsonElement system) ? [.. MessageReader.ReadInstructions(system, System)] : [];
        foreach ((int index, JsonElement message) in value.EnumerateArray().Index())
            messages.AddRange(reader.Read(new RequestFields(message, $"{Messages}[{index}]")));
        return new Prompt.Chat(messages, ContinuesLast(reader, messages[^1], value.GetArrayLength() - 1));
    }

    private static bool ContinuesLast(MessageReader reader, ChatMessage last, int index)
    {
        if (last.Role != ChatMessage.Assistant)
            return false;
        string path = $"{Messages}[{index}].content";
        if (reader.HasOpenCalls)
            throw new InvalidRequestException(path, $"{path} is the last and calls functions; a message with their results must follow.");
        // The model's turns have none, so the answer would go on from another text than was sent.
        return last.Content.Length == 0 || !char.IsWhiteSpace(last.Content[^1])
            ? true
            : throw new InvalidRequestException(path, $"{path} ends with white space; the answer can only go on from a text that does not.");
    }
}
