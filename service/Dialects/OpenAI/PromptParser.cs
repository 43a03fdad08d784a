using System.Text.Json;
using Gemma2.Backend;
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
            throw new InvalidRequestException(PromptField, "prompt is missing.");
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() == 0 || value[0].ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
            return [ReadPrompt(value, PromptField)];
        return value.GetArrayLength() <= CompletionLimits.Prompts
            ? [.. value.EnumerateArray().Select((prompt, index) => ReadPrompt(prompt, value.GetArrayLength() > 1 ? $"{PromptField}[{index}]" : PromptField))]
            : throw new InvalidRequestException(PromptField, $"prompt holds {value.GetArrayLength()} prompts; allowed are up to {CompletionLimits.Prompts}.");
    }

    /// <summary><c>messages</c>, and whether the last of them is continued.</summary>
    public static Prompt Chat(RequestFields request)
    {
        if (!request.TryGet(Messages, out JsonElement value))
            throw new InvalidRequestException(Messages, "messages is missing.");
        if (value.ValueKind != JsonValueKind.Array)
            throw new InvalidRequestException(Messages, "messages must be an array.");
        if (value.GetArrayLength() == 0)
            throw Empty(Messages, "message");
        var tools = new ToolMessages();
        return new Prompt.Chat(
            [.. value.EnumerateArray().Select((message, index) => MessageParser.Read(new RequestFields(message, $"{Messages}[{index}]"), tools))],
            ContinuesLast(request, value[value.GetArrayLength() - 1]));
    }

    private static Prompt ReadPrompt(JsonElement value, string path) => value.ValueKind switch
    {
        JsonValueKind.String => RequestFields.Text(value, path) is { Length: > 0 } text ? new Prompt.Text(text) : throw Empty(path, "token"),
        JsonValueKind.Array => value.GetArrayLength() > 0 ? new Prompt.Tokens(TokenIds(value, path)) : throw Empty(path, "token"),
        _ => throw new InvalidRequestException(path, $"{path} must be a string or an array of token ids."),
    };

    private static int[] TokenIds(JsonElement array, string path) => [.. array.EnumerateArray().Select(id => id.ValueKind == JsonValueKind.Number
        ? (int)RequestFields.Integer(id, path, int.MinValue, int.MaxValue)
        : throw new InvalidRequestException(path, $"{path} must be a string or an array of token ids; a token id is an integer."))];

    private static bool ContinuesLast(RequestFields request, JsonElement last)
    {
        bool continues = request.Boolean(ContinueFinalMessage) ?? false;
        // The two exclude each other; a chat that asks for neither leaves nothing to answer.
        if (request.Boolean(AddGenerationPrompt) is { } adds && adds == continues)
        {
            throw new InvalidRequestException(
                AddGenerationPrompt, $"{AddGenerationPrompt} is {(adds ? "true" : "false")}; with {ContinueFinalMessage} it must be false, without it true. It can be left out.");
        }
        return !continues || new RequestFields(last, Messages).String("role") == "assistant"
            ? continues
            : throw new InvalidRequestException(ContinueFinalMessage, $"{ContinueFinalMessage} needs a last message of the role assistant.");
    }

    private static InvalidRequestException Empty(string path, string needed) => new(path, $"{path} is empty; at least one {needed} is needed.");
}
