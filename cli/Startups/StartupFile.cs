using System.Text;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Startup;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Startups;

/// <summary>Finds start-up timelines in a text: an app's log as it is or as a cloud's tools give it, a line of JSON around each of its lines; or what <c>--json</c> and <c>GET /startup</c> give.</summary>
internal static class StartupFile
{
    private const string Mark = "{\"startup\":";
    private const int LargestFile = 64 << 20;

    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 16 };

    /// <summary>The starts of a file, in the order in which they began.</summary>
    /// <param name="path">The file; <c>-</c> is stdin.</param>
    /// <param name="cancellationToken">Ends the wait for stdin.</param>
    /// <exception cref="Gemma2Exception">There are none, or they are not whole.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static async Task<IReadOnlyList<StartupReport>> ReadAsync(string path, CancellationToken cancellationToken)
    {
        string name = path == "-" ? "stdin" : path;
        await using Stream stream = path == "-" ? StandardInput.Open() : File.OpenRead(path);
        // A read of a terminal or pipe cannot be cancelled; waiting for it can.
        return Parse(await Task.Run(() => ReadToEnd(stream, name), cancellationToken).WaitAsync(cancellationToken), name);
    }

    /// <summary>The starts of a text, in the order in which they began; of one that is told several times the last.</summary>
    /// <param name="text">The text.</param>
    /// <param name="name">What it is called in messages.</param>
    /// <exception cref="Gemma2Exception">There are none, or they are not whole.</exception>
    public static IReadOnlyList<StartupReport> Parse(string text, string name)
    {
        var starts = new Dictionary<(DateTimeOffset, string), StartupReport>();
        foreach (StartupReport start in OfDocument(text, name) ?? OfLines(text, name)) starts[(start.Start, start.Machine)] = start;
        return starts.Count > 0
            ? [.. starts.Values.OrderBy(start => start.Start)]
            : throw new StartupException($"{name} has no start-up timeline: an app's log has one in a line with {Mark}...");
    }

    /// <summary>Null where the text is no JSON document with starts in it.</summary>
    private static List<StartupReport>? OfDocument(string text, string name)
    {
        if (!text.AsSpan().TrimStart().StartsWith("{") || TryParse(text) is not { } document) return null;
        using (document)
        {
            JsonElement root = document.RootElement;
            if (root.TryGetProperty("data", out JsonElement list) && list.ValueKind == JsonValueKind.Array) return [.. list.EnumerateArray().Select(start => StartupJson.Read(start, name))];
            if (root.TryGetProperty("startup", out JsonElement start)) return [StartupJson.Read(start, name)];
            return root.TryGetProperty("stages", out _) ? [StartupJson.Read(root, name)] : null;
        }
    }

    private static IEnumerable<StartupReport> OfLines(string text, string name)
    {
        int number = 0;
        foreach (string line in text.Split('\n'))
        {
            number++;
            string? start = Find(line) ?? Texts(line).Select(Find).FirstOrDefault(found => found is not null);
            if (start is not null) yield return ReadStart(start, $"{name}, line {number}");
        }
    }

    private static string? Find(string line) => line.IndexOf(Mark, StringComparison.Ordinal) is >= 0 and var at ? line[at..] : null;

    private static StartupReport ReadStart(string json, string name)
    {
        // Whatever stands behind it is not looked at.
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(json), new JsonReaderOptions { MaxDepth = Options.MaxDepth });
        try
        {
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            return StartupJson.Read(document.RootElement.GetProperty("startup"), name);
        }
        catch (JsonException)
        {
            throw new StartupException($"{name}: the start-up timeline is not whole.");
        }
    }

    /// <summary>The texts of a line that is a JSON object, if one of them may hold a start.</summary>
    private static IEnumerable<string> Texts(string line)
    {
        if (!line.Contains("startup", StringComparison.Ordinal) || !line.AsSpan().TrimStart().StartsWith("{") || TryParse(line) is not { } document) yield break;
        using (document)
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
                if (property.Value.ValueKind == JsonValueKind.String && TextOf(property.Value) is { } text)
                    yield return text;
    }

    private static string? TextOf(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        // Half a surrogate pair, which JSON's escapes can spell.
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static JsonDocument? TryParse(string text)
    {
        try
        {
            return JsonDocument.Parse(text, Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string ReadToEnd(Stream stream, string name)
    {
        using var read = new MemoryStream();
        byte[] buffer = new byte[64 * 1024];
        for (int count; (count = stream.Read(buffer)) > 0; read.Write(buffer, 0, count))
            if (read.Length > LargestFile) throw new StartupException($"{name} is longer than {Sizes.Describe(LargestFile)}: give the lines with {Mark} alone.");
        return Encoding.UTF8.GetString(read.GetBuffer(), 0, (int)read.Length).TrimStart('\uFEFF');
    }
}
