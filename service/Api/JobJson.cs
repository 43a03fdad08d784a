using System.Text.Json;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Api;

/// <summary>
/// The job object of the API: <c>{"id","object":"job","status","model","created_at","started_at","finished_at","attempts","result","error"}</c>. Times are
/// seconds since 1970. <c>result</c> is OpenAI's response body, <c>error</c> its error object; each is null where there is none.
/// </summary>
internal static class JobJson
{
    public static void Write(Utf8JsonWriter json, JobSnapshot job)
    {
        json.WriteStartObject();
        json.WriteString("id", job.Key.Id);
        json.WriteString("object", "job");
        json.WriteString("status", JobStatusNames.Of(job.Status));
        json.WriteString("model", job.Model);
        json.WriteNumber("created_at", job.CreatedAt.ToUnixTimeSeconds());
        WriteTime(json, "started_at", job.StartedAt);
        WriteTime(json, "finished_at", job.FinishedAt);
        json.WriteNumber("attempts", job.Attempts);
        JsonElement? stored = job.Result is { } result ? JsonElement.Parse(result.Span) : null;
        WritePart(json, "result", stored, "response");
        WritePart(json, "error", stored, "error");
        json.WriteEndObject();
    }

    private static void WriteTime(Utf8JsonWriter json, string name, DateTimeOffset? time)
    {
        if (time is { } known)
            json.WriteNumber(name, known.ToUnixTimeSeconds());
        else
            json.WriteNull(name);
    }

    private static void WritePart(Utf8JsonWriter json, string name, JsonElement? stored, string part)
    {
        json.WritePropertyName(name);
        if (stored is { } result && result.TryGetProperty(part, out JsonElement value))
            value.WriteTo(json);
        else
            json.WriteNullValue();
    }
}
