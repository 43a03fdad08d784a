using System.Text.Json;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Dialects.OpenAI;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Jobs;

/// <summary>
/// The result of a job: <c>{"id","status","model","seed","created","started","finished","timings","response"|"error"}</c>. Everything but the times is the
/// same whoever works on the job, and however often.
/// </summary>
internal sealed record JobResult
{
    /// <summary>Whose job and its id.</summary>
    public required OwnedId Key { get; init; }

    /// <summary>When the job was submitted; null where that is not known.</summary>
    public DateTimeOffset? Created { get; init; }

    /// <summary>When a worker began it; null where none did.</summary>
    public DateTimeOffset? Started { get; init; }

    /// <summary>When it ended.</summary>
    public required DateTimeOffset Finished { get; init; }

    /// <summary>The model that the request asks for, where known.</summary>
    public string? Model { get; init; }

    /// <summary>The seed, where known.</summary>
    public long? Seed { get; init; }

    /// <summary>The result of a job that has an answer, as JSON.</summary>
    public ReadOnlyMemory<byte> Succeeded(Completion completion, CompletionResult answer) => Write(JobStatus.Succeeded, json =>
    {
        json.WriteStartObject("timings");
        json.WriteNumber("time_to_first_token_seconds", Seconds(answer.TimeToFirstToken));
        json.WriteNumber("generation_seconds", Seconds(answer.Total));
        json.WriteEndObject();
        json.WritePropertyName("response");
        CompletionJson.WriteBody(json, completion, answer);
    });

    /// <summary>The result of a job that has none, as JSON.</summary>
    public ReadOnlyMemory<byte> Failed(ApiError error) => Write(JobStatus.Failed, json =>
    {
        json.WritePropertyName("error");
        error.WriteContent(json);
    });

    private ReadOnlyMemory<byte> Write(JobStatus status, Action<Utf8JsonWriter> writeOutcome) => JsonBody.ToUtf8(json =>
    {
        json.WriteStartObject();
        json.WriteString("id", Key.Id);
        json.WriteString("status", JobStatusNames.Of(status));
        json.WriteString("model", Model);
        if (Seed is { } seed)
            json.WriteNumber("seed", seed);
        WriteTime(json, "created", Created);
        WriteTime(json, "started", Started);
        json.WriteString("finished", Finished);
        writeOutcome(json);
        json.WriteEndObject();
    });

    private static void WriteTime(Utf8JsonWriter json, string name, DateTimeOffset? time)
    {
        if (time is { } known)
            json.WriteString(name, known);
    }

    private static double Seconds(TimeSpan time) => Math.Round(time.TotalSeconds, 6);
}
