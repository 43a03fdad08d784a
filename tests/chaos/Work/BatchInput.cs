using System.Text;
using System.Text.Json.Nodes;

namespace Gemma2.Chaos.Tests.Work;

/// <summary>The input of a batch, with what each of its lines must come to.</summary>
/// <param name="Name">Tells it from other inputs; the first part of its file's name.</param>
/// <param name="Endpoint">What its lines call.</param>
/// <param name="Content">The file.</param>
/// <param name="Lines">Its lines that are not blank, in order: their custom ids, null where a line has none, and what they come to.</param>
internal sealed record BatchInput(string Name, string Endpoint, byte[] Content, IReadOnlyList<(string? CustomId, LineKind Kind)> Lines)
{
    /// <summary>Its lines that have no answer, as they are run again. One whose custom id an answered line had is a good one then.</summary>
    public BatchInput Retry => this with { Name = $"{Name}-retry", Lines = [.. Lines.Where(line => line.Kind != LineKind.Answered)] };

    /// <summary>What the lines of a batch may call.</summary>
    public static IReadOnlyList<string> Endpoints { get; } = ["/v1/chat/completions", "/v1/completions"];

    /// <summary>Makes an input from a seed: nine lines of ten have answers.</summary>
    public static BatchInput Create(string name, string endpoint, string model, int count, int seed)
    {
        var random = new Random(seed);
        var prompts = new Prompts(random, model);
        var text = new StringBuilder();
        var lines = new List<(string?, LineKind)>();
        for (int line = 0; line < count; line++)
        {
            (string json, string? customId, LineKind kind) = Line(random, prompts, endpoint, name, line);
            text.Append(json).Append(random.Next(10) == 0 ? "\r\n" : "\n");
            if (random.Next(30) == 0) text.Append(random.Next(2) == 0 ? "\n" : "  \r\n");
            lines.Add((customId, kind));
        }
        // The last line may end without a line break.
        return new BatchInput(name, endpoint, Encoding.UTF8.GetBytes(text.ToString().TrimEnd()), lines);
    }

    private static (string Json, string? CustomId, LineKind Kind) Line(Random random, Prompts prompts, string endpoint, string name, int line)
    {
        string customId = $"{name}-{line}";
        JsonObject good = Request(customId, endpoint, prompts.Good(endpoint));
        // The first line is good: a later one is to take its custom id again.
        if (random.Next(10) != 0 || line == 0) return (good.ToJsonString(), customId, LineKind.Answered);
        switch (random.Next(10))
        {
            case 0 or 1:
                return (Request(customId, endpoint, prompts.TooLong(endpoint)).ToJsonString(), customId, LineKind.Fails);
            case 2:
                return (good.ToJsonString()[..^3], null, LineKind.Bad);
            case 3:
                good["method"] = "GET";
                break;
            case 4:
                good["url"] = "/v1/embeddings";
                break;
            case 5:
                good["body"]!["stream"] = true;
                break;
            case 6:
                good["body"]!["model"] = "another";
                break;
            case 7:
                good["surprise"] = 1;
                break;
            case 8:
                // The first line has it already.
                customId = $"{name}-0";
                good["custom_id"] = customId;
                break;
            default:
                good.Remove("custom_id");
                return (good.ToJsonString(), null, LineKind.Bad);
        }
        return (good.ToJsonString(), customId, LineKind.Bad);
    }

    private static JsonObject Request(string customId, string endpoint, JsonObject body) =>
        new() { ["custom_id"] = customId, ["method"] = "POST", ["url"] = endpoint, ["body"] = body };
}
