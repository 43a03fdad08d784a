using System.Text.Json;
using Gemma2.Backend;

namespace Gemma2.Cli.Commands;

/// <summary>The result blob of a job.</summary>
/// <param name="id">The job's id.</param>
/// <param name="document">The blob.</param>
internal sealed class JobResult(string id, JsonElement document)
{
    /// <summary>The whole blob.</summary>
    public JsonElement Document => document;

    /// <summary>Reads a result blob.</summary>
    /// <exception cref="JobException">It is no JSON.</exception>
    public static JobResult Parse(string id, ReadOnlyMemory<byte> json)
    {
        try
        {
            return new JobResult(id, JsonElement.Parse(json.Span));
        }
        catch (JsonException error)
        {
            throw new JobException($"The result of job {id} is not JSON.", error);
        }
    }

    /// <summary>What the model wrote.</summary>
    /// <exception cref="JobException">The job failed; the message says why.</exception>
    public string Answer()
    {
        if (Find(document, "error") is { ValueKind: JsonValueKind.Object } error)
            throw new JobException($"Job {id} failed: {Find(error, "message")}");
        JsonElement? choice = Find(document, "response") is { } response && Find(response, "choices") is { ValueKind: JsonValueKind.Array } choices
            ? choices.EnumerateArray().FirstOrDefault()
            : null;
        JsonElement? text = Find(choice, "text") ?? Find(Find(choice, "message"), "content");
        return text?.ToString() ?? throw new JobException($"The result of job {id} has neither an answer nor an error.");
    }

    private static JsonElement? Find(JsonElement? element, string name) =>
        element is { ValueKind: JsonValueKind.Object } found && found.TryGetProperty(name, out JsonElement value) ? value : null;
}

/// <summary>A job did not give an answer.</summary>
/// <param name="message">One line that says why.</param>
/// <param name="inner">What was thrown before.</param>
internal sealed class JobException(string message, Exception? inner = null) : Gemma2Exception(message, inner);
