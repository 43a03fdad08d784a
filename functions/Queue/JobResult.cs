using System.Text.Json;
using Gemma2.Functions.Completions;
using Gemma2.Functions.Http;
using Gemma2.Storage;

namespace Gemma2.Functions.Queue;

/// <summary>
/// The result of a job: <c>{"id","status","model","seed","created","started","finished","timings","response"|"error"}</c>. Everything but the times is the
/// same whoever works on the job, and however often.
/// </summary>
/// <param name="key">Whose job and its id.</param>
/// <param name="created">When the job was sent, where that is known.</param>
internal sealed class JobResult(OwnedId key, DateTimeOffset? created)
{
    public OwnedId Key { get; } = key;

    public DateTimeOffset Started { get; } = DateTimeOffset.UtcNow;

    /// <summary>When the job was sent, or else when it was started.</summary>
    public DateTimeOffset Created => created ?? Started;

    /// <summary>The model that the request asks for, once it is known.</summary>
    public string? Model { get; set; }

    /// <summary>The seed, once it is known.</summary>
    public long? Seed { get; set; }

    /// <summary><c>succeeded</c> or <c>failed</c>, once it is known.</summary>
    public string? Status { get; private set; }

    /// <summary>The result of a job that has an answer, as JSON.</summary>
    public ReadOnlyMemory<byte> Succeeded(Completion completion, CompletionResult answer) => Write("succeeded", json =>
    {
        json.WriteStartObject("timings");
        json.WriteNumber("time_to_first_token_seconds", Seconds(answer.TimeToFirstToken));
        json.WriteNumber("generation_seconds", Seconds(answer.Total));
        json.WriteEndObject();
        json.WritePropertyName("response");
        CompletionJson.WriteBody(json, completion, answer);
    });

    /// <summary>The result of a job that has none, as JSON.</summary>
    public ReadOnlyMemory<byte> Failed(ApiError error) => Write("failed", json =>
    {
        json.WritePropertyName("error");
        error.WriteContent(json);
    });

    private ReadOnlyMemory<byte> Write(string status, Action<Utf8JsonWriter> writeOutcome)
    {
        Status = status;
        return JsonBody.ToUtf8(json =>
        {
            json.WriteStartObject();
            json.WriteString("id", Key.Id);
            json.WriteString("status", status);
            json.WriteString("model", Model);
            if (Seed is { } seed)
                json.WriteNumber("seed", seed);
            json.WriteString("created", Created);
            json.WriteString("started", Started);
            json.WriteString("finished", DateTimeOffset.UtcNow);
            writeOutcome(json);
            json.WriteEndObject();
        });
    }

    private static double Seconds(TimeSpan time) => Math.Round(time.TotalSeconds, 6);
}
