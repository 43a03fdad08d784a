using System.Text.Json;

namespace Gemma2.Backend.Startup;

/// <summary>A start as a JSON object: in the log, over HTTP and in files. Times are seconds since the start.</summary>
public static class StartupJson
{
    private const int MostStages = 1_000;
    private const int LongestText = 1_000;
    private const double LongestStart = 1e7;
    private const int Digits = 4;

    /// <summary>Writes a start.</summary>
    public static void Write(Utf8JsonWriter json, StartupReport report)
    {
        json.WriteStartObject();
        json.WriteString("start", report.Start.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", null));
        json.WriteString("machine", report.Machine);
        json.WriteString("model", report.Model);
        Write(json, "ready_seconds", report.Ready);
        Write(json, "first_token_seconds", report.FirstToken?.End);
        json.WriteString("wait", report.Wait?.Name);
        Write(json, "between_seconds", report.Between);
        json.WriteStartArray("stages");
        foreach (StartupStage stage in report.Stages) Write(json, report, stage);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Reads what <see cref="Write(Utf8JsonWriter, StartupReport)"/> wrote; what can be computed is computed again.</summary>
    /// <param name="json">The object.</param>
    /// <param name="source">Where it is from, for messages.</param>
    /// <exception cref="InvalidRequestException">It is none: names the field and what is allowed.</exception>
    public static StartupReport Read(JsonElement json, string source)
    {
        if (json.ValueKind != JsonValueKind.Object) throw Wrong(source, "the start", "a JSON object");
        JsonElement stages = Field(json, "stages", source, "an array of stages", JsonValueKind.Array);
        if (stages.GetArrayLength() > MostStages) throw Wrong(source, "stages", $"an array of at most {MostStages} stages");
        DateTimeOffset start = Field(json, "start", source, "a time such as 2026-01-31T18:05:09.123Z", JsonValueKind.String).TryGetDateTimeOffset(out DateTimeOffset time)
            ? time
            : throw Wrong(source, "start", "a time such as 2026-01-31T18:05:09.123Z");
        return new StartupReport(
            start,
            Text(json, "machine", source) ?? "",
            Text(json, "model", source),
            Time(json, "ready_seconds", source),
            [.. stages.EnumerateArray().Select(stage => ReadStage(stage, source))]);
    }

    private static void Write(Utf8JsonWriter json, StartupReport report, StartupStage stage)
    {
        json.WriteStartObject();
        json.WriteString("stage", stage.Name);
        if (stage.Of is not null) json.WriteString("of", stage.Of);
        Write(json, "begin_seconds", stage.Begin);
        Write(json, "seconds", stage.Length);
        Write(json, "waited_seconds", report.WaitedFor(stage));
        if (stage.Bytes > 0) json.WriteNumber("bytes", stage.Bytes);
        if (stage.BytesPerSecond is { } rate) json.WriteNumber("bytes_per_second", Math.Round(rate));
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string name, TimeSpan? time)
    {
        if (time is { } value) json.WriteNumber(name, Math.Round(value.TotalSeconds, Digits));
        else json.WriteNull(name);
    }

    private static StartupStage ReadStage(JsonElement json, string source)
    {
        if (json.ValueKind != JsonValueKind.Object) throw Wrong(source, "stages", "an array of objects");
        string name = Text(json, "stage", source) ?? throw Wrong(source, "stage", "a text");
        TimeSpan begin = Time(json, "begin_seconds", source) ?? throw Wrong(source, "begin_seconds", "a number of seconds");
        long bytes = 0;
        if (json.TryGetProperty("bytes", out JsonElement given) && (given.ValueKind != JsonValueKind.Number || !given.TryGetInt64(out bytes) || bytes < 0))
            throw Wrong(source, "bytes", "a whole number, 0 or more");
        return new StartupStage(name, Text(json, "of", source), begin, begin + Time(json, "seconds", source), bytes);
    }

    private static string? Text(JsonElement json, string name, string source)
    {
        if (!json.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Null) return null;
        if (value.ValueKind != JsonValueKind.String) throw Wrong(source, name, "a text");
        try
        {
            return value.GetString() is { Length: <= LongestText } text ? text : throw Wrong(source, name, $"a text of at most {LongestText} characters");
        }
        // Half a surrogate pair, which JSON's escapes can spell.
        catch (InvalidOperationException)
        {
            throw Wrong(source, name, "valid Unicode text");
        }
    }

    private static TimeSpan? Time(JsonElement json, string name, string source)
    {
        if (!json.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Null) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double seconds) && seconds is >= 0 and <= LongestStart
            ? TimeSpan.FromTicks((long)Math.Round(seconds * TimeSpan.TicksPerSecond))
            : throw Wrong(source, name, "a number of seconds, 0 or more");
    }

    private static JsonElement Field(JsonElement json, string name, string source, string allowed, JsonValueKind kind) =>
        json.TryGetProperty(name, out JsonElement value) && value.ValueKind == kind ? value : throw Wrong(source, name, allowed);

    private static InvalidRequestException Wrong(string source, string field, string allowed) => new(field, $"{source} is no start-up timeline: {field} must be {allowed}.");
}
