using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gemma2.Storage.Jobs;

/// <summary>The result of a job that was cancelled, as <c>completions/KEY.json</c> has it.</summary>
internal sealed record CancelledJob(string Id, string Status, string? Model, DateTimeOffset Created, CancelledJob.Reason Error)
{
    /// <summary>The result of a job.</summary>
    public static byte[] ToJson(JobSnapshot job) => JsonSerializer.SerializeToUtf8Bytes(
        new CancelledJob(job.Key.Id, JobStatusNames.Of(JobStatus.Cancelled), job.Model, job.CreatedAt, new Reason("The job was cancelled.", "cancelled", null, "cancelled")),
        CancelledJobJson.Default.CancelledJob);

    /// <summary>Why it has no answer.</summary>
    public sealed record Reason(string Message, string Type, string? Param, string Code);
}

/// <summary>Writes it by code that is made at build.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(CancelledJob))]
internal sealed partial class CancelledJobJson : JsonSerializerContext;
