using System.Text;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Text;

namespace Gemma2.Service.Completions;

/// <summary>Reads <c>prompt</c> and <c>messages</c>.</summary>
internal static class PromptParser
{
    /// <summary><c>prompt</c>: a string, an array of token ids, or an array that holds just one of these.</summary>
    public static Prompt Text(RequestFields request)
    {
        if (!request.TryGet("prompt", out JsonElement value))
            throw new InvalidRequestException("prompt", "prompt is missing.");
        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0 && value[0].ValueKind is JsonValueKind.String or JsonValueKind.Array)
            value = value.GetArrayLength() == 1
                ? value[0]
                : throw new InvalidRequestException("prompt", "prompt holds several prompts; send a request for each of them.");
        return value.ValueKind switch
        {
            JsonValueKind.String => RequestFields.Text(value, "prompt") is { Length: > 0 } text ? new Prompt.Text(text) : throw Empty("prompt"),
            JsonValueKind.Array => value.GetArrayLength() > 0 ? new Prompt.Tokens(TokenIds(value)) : throw Empty("prompt"),
            _ => throw new InvalidRequestException("prompt", "prompt must be a string or an array of token ids."),
        };
    }

    /// <summary><c>messages</c>: each with a role and a content, which is a string or an array of text parts.</summary>
    public static Prompt Chat(RequestFields request)
    {
        if (!request.TryGet("messages", out JsonElement value))
            throw new InvalidRequestException("messages", "messages is missing.");
        if (value.ValueKind != JsonValueKind.Array)
            throw new InvalidRequestException("messages", "messages must be an array.");
        return value.GetArrayLength() > 0
            ? new Prompt.Chat([.. value.EnumerateArray().Select((message, index) => ReadMessage(new RequestFields(message, $"messages[{index}]")))])
            : throw Empty("messages");
    }

    private static InvalidRequestException Empty(string name) =>
        new(name, $"{name} is empty; at least one {(name == "prompt" ? "token" : "message")} is needed.");

    private static int[] TokenIds(JsonElement array) =>
        [.. array.EnumerateArray().Select(static id => id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out int value)
            ? value
            : throw new InvalidRequestException("prompt", "prompt must be a string or an array of token ids; a token id is an integer."))];

    private static ChatMessage ReadMessage(RequestFields message)
    {
        foreach (JsonProperty field in message.All)
        {
            string path = message.Path(RequestFields.Quote(field.Name));
            if (field.Name is not ("role" or "content" or "name") && field.Value.ValueKind != JsonValueKind.Null)
                throw new InvalidRequestException(path, $"{path} is not supported.");
        }
        _ = message.String("name");
        return new ChatMessage(Role(message), Content(message));
    }

    private static string Role(RequestFields message) => message.Required("role", message.String("role")) switch
    {
        ("user" or "assistant" or "system" or "developer") and var role => role,
        var role => throw new InvalidRequestException(
            message.Path("role"), $"{message.Path("role")} is '{RequestFields.Quote(role)}'; allowed are user and assistant."),
    };

    private static string Content(RequestFields message)
    {
        string path = message.Path("content");
        if (!message.TryGet("content", out JsonElement value))
            throw new InvalidRequestException(path, $"{path} is missing.");
        if (value.ValueKind != JsonValueKind.Array)
            return RequestFields.Text(value, path);
        var text = new StringBuilder();
        foreach ((int index, JsonElement part) in value.EnumerateArray().Index())
            text.Append(PartText(new RequestFields(part, $"{path}[{index}]")));
        return text.ToString();
    }

    private static string PartText(RequestFields part)
    {
        string type = part.Required("type", part.String("type"));
        return type == "text"
            ? part.Required("text", part.String("text"))
            : throw new InvalidRequestException(part.Path("type"), $"{part.Path("type")} is '{RequestFields.Quote(type)}'; allowed is text.");
    }
}
