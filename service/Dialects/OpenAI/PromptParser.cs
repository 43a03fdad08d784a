using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Text;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.OpenAI;

/// <summary>Reads <c>prompt</c> and <c>messages</c>.</summary>
internal static class PromptParser
{
    private const string PromptField = "prompt";
    private const string Messages = "messages";
    private const string ContinueFinalMessage = "continue_final_message";
    private const string AddGenerationPrompt = "add_generation_prompt";

    /// <summary>The fields of a chat.</summary>
    public static readonly string[] ChatFields = [Messages, ContinueFinalMessage, AddGenerationPrompt];

    /// <summary><c>prompt</c>: a string, an array of token ids, or an array of several of one of these.</summary>
    public static IReadOnlyList<Prompt> Text(RequestFields request)
    {
        if (!request.TryGet(PromptField, out JsonElement value))
            throw new InvalidRequestException(PromptField, "prompt is missing.", ErrorCodes.Missing);
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() == 0 || value[0].ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
            return [ReadPrompt(value, PromptField)];
        return value.GetArrayLength() <= CompletionLimits.Prompts
            ? [.. value.EnumerateArray().Select((prompt, index) => ReadPrompt(prompt, value.GetArrayLength() > 1 ? $"{PromptField}[{index}]" : PromptField))]
            : throw new InvalidRequestException(PromptField, $"prompt holds {value.GetArrayLength()} prompts; allowed are up to {CompletionLimits.Prompts}.", ErrorCodes.ArrayTooLong);
    }

    /// <summary><c>messages</c>, and whether the last of them is continued.</summary>
    public static Prompt Chat(RequestFields request)
    {
        IReadOnlyList<ChatMessage> messages = ReadMessages(request);
        ChatEnding ending = Ending(request);
        // What asks for no answer leaves nothing to answer.
        return ending == ChatEnding.Closed
            ? throw new InvalidRequestException(AddGenerationPrompt, $"{AddGenerationPrompt} is false; without {ContinueFinalMessage} it must be true. It can be left out.")
            : new Prompt.Chat(messages, ending == ChatEnding.ContinueLast);
    }

    /// <summary><c>messages</c>.</summary>
    public static IReadOnlyList<ChatMessage> ReadMessages(RequestFields request)
    {
        if (!request.TryGet(Messages, out JsonElement value))
            throw new InvalidRequestException(Messages, "messages is missing.", ErrorCodes.Missing);
        if (value.ValueKind != JsonValueKind.Array)
            throw new InvalidRequestException(Messages, "messages must be an array.", ErrorCodes.WrongType);
        if (value.GetArrayLength() == 0)
            throw Empty(Messages, "message");
        var tools = new ToolMessages();
        return [.. value.EnumerateArray().Select((message, index) => MessageParser.Read(new RequestFields(message, $"{Messages}[{index}]"), tools))];
    }

    /// <summary>How a conversation ends whose messages have been read.</summary>
    public static ChatEnding Ending(RequestFields request)
    {
        bool continues = request.Boolean(ContinueFinalMessage) ?? false;
        bool? adds = request.Boolean(AddGenerationPrompt);
        if (!continues)
            return adds ?? true ? ChatEnding.OpenAnswer : ChatEnding.Closed;
        if (adds == true)
            throw new InvalidRequestException(AddGenerationPrompt, $"{AddGenerationPrompt} is true; with {ContinueFinalMessage} it must be false. It can be left out.");
        return new RequestFields(LastOf(request), Messages).String("role") == ChatMessage.Assistant
            ? ChatEnding.ContinueLast
            : throw new InvalidRequestException(ContinueFinalMessage, $"{ContinueFinalMessage} needs a last message of the role assistant.");
    }

    private static Prompt ReadPrompt(JsonElement value, string path) => value.ValueKind switch
    {
        JsonValueKind.String => RequestFields.Text(value, path) is { Length: > 0 } text ? new Prompt.Text(text) : throw Empty(path, "token"),
        JsonValueKind.Array => value.GetArrayLength() > 0 ? new Prompt.Tokens(TokenIds(value, path)) : throw Empty(path, "token"),
        _ => throw new InvalidRequestException(path, $"{path} must be a string or an array of token ids.", ErrorCodes.WrongType),
    };

    private static int[] TokenIds(JsonElement array, string path) => [.. array.EnumerateArray().Select(id => id.ValueKind == JsonValueKind.Number
        ? (int)RequestFields.Integer(id, path, int.MinValue, int.MaxValue)
        : throw new InvalidRequestException(path, $"{path} must be a string or an array of token ids; a token id is an integer.", ErrorCodes.WrongType))];

    private static JsonElement LastOf(RequestFields request)
    {
        _ = request.TryGet(Messages, out JsonElement value);
        return value[value.GetArrayLength() - 1];
    }

    private static InvalidRequestException Empty(string path, string needed) => new(path, $"{path} is empty; at least one {needed} is needed.", ErrorCodes.EmptyArray);
}
