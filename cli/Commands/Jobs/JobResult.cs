using System.Text.Json;

namespace Gemma2.Cli.Commands.Jobs;

/// <summary>The result blob of a job.</summary>
/// <param name="document">The blob.</param>
internal sealed class JobResult(JsonElement document)
{
    /// <summary>The whole blob.</summary>
    public JsonElement Document => document;

    /// <summary>What the model wrote; null when there is no answer.</summary>
    public string? Answer
    {
        get
        {
            JsonElement? choice = Find(document, "response") is { } response && Find(response, "choices") is { ValueKind: JsonValueKind.Array } choices
                ? choices.EnumerateArray().FirstOrDefault()
                : null;
            return (Find(choice, "text") ?? Find(Find(choice, "message"), "content"))?.ToString();
        }
    }

    /// <summary>Why there is no answer; null when there is one.</summary>
    public string? Reason => Find(document, "error") is { ValueKind: JsonValueKind.Object } error
        ? Find(error, "message")?.ToString() ?? "the error has no message"
        : Answer is null ? "its result has neither an answer nor an error" : null;

    private static JsonElement? Find(JsonElement? element, string name) =>
        element is { ValueKind: JsonValueKind.Object } found && found.TryGetProperty(name, out JsonElement value) ? value : null;
}
