namespace Gemma2.Storage.Jobs;

/// <summary>How a <see cref="JobStatus"/> is written in JSON and in messages.</summary>
public static class JobStatusNames
{
    /// <summary>The status as one lower-case word.</summary>
    public static string Of(JobStatus status) => status switch
    {
        JobStatus.Queued => "queued",
        JobStatus.Running => "running",
        JobStatus.Succeeded => "succeeded",
        JobStatus.Failed => "failed",
        JobStatus.Cancelled => "cancelled",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, null),
    };

    /// <summary>The status of a result, which is an end; null for what is none.</summary>
    public static JobStatus? ParseEnd(string? name) => name switch
    {
        "succeeded" => JobStatus.Succeeded,
        "failed" => JobStatus.Failed,
        "cancelled" => JobStatus.Cancelled,
        _ => null,
    };
}
