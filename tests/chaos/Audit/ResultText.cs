using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Gemma2.Storage;
using Gemma2.Storage.Files;

namespace Gemma2.Chaos.Tests.Audit;

/// <summary>Results without what names the batch or job, or says when it ran: what is left must be the same in every run.</summary>
internal static partial class ResultText
{
    /// <summary>The lines of a batch's output or error file; none where there is no file.</summary>
    public static async Task<IReadOnlyList<string>> ReadLinesAsync(FileStore files, string? owner, string? id, CancellationToken cancellationToken)
    {
        if (id is null) return [];
        await using Stream stream = await files.TryOpenReadAsync(new OwnedId(owner, id), 0, null, cancellationToken)
            ?? throw new FileNotFoundException($"The batch names file {id}, which does not exist.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        string text = await reader.ReadToEndAsync(cancellationToken);
        if (!text.EndsWith('\n')) throw new InvalidDataException($"The last line of file {id} is not whole.");
        return text[..^1].Split('\n');
    }

    /// <summary>A line of a batch's output or error file, byte for byte but for ids and the time of creation.</summary>
    public static string OfLine(string line) => Created().Replace(Id().Replace(line, "\"$1\":\"*\""), "\"created\":0");

    /// <summary>A job's result, without times.</summary>
    public static string OfJob(ReadOnlyMemory<byte> result)
    {
        JsonObject json = JsonNode.Parse(result.Span)!.AsObject();
        foreach (string time in (string[])["created", "started", "finished", "timings", "attempts"]) json.Remove(time);
        (json["response"] as JsonObject)?.Remove("created");
        return json.ToJsonString();
    }

    // Inside a string a quotation mark has a backslash before it: neither matches there.
    [GeneratedRegex("(?<!\\\\)\"(id|request_id)\":\"[^\"]*\"")]
    private static partial Regex Id();

    [GeneratedRegex("(?<!\\\\)\"created\":[0-9]+")]
    private static partial Regex Created();
}
