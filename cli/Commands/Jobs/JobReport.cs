using System.Text.Json;
using Gemma2.Storage.Jobs;

namespace Gemma2.Cli.Commands.Jobs;

/// <summary>A job as <c>--json</c> prints it; times in seconds since 1970.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Owner">The name of the API key that made it; null where none did.</param>
/// <param name="Status">How far it is.</param>
/// <param name="Model">The model that it asks for, where known.</param>
/// <param name="CreatedAt">When it was submitted.</param>
/// <param name="StartedAt">When a worker last began it.</param>
/// <param name="FinishedAt">When it got its result.</param>
/// <param name="Attempts">How often a worker began it.</param>
/// <param name="Result">The result blob, once it is there.</param>
internal sealed record JobReport(
    string Id, string? Owner, JobStatus Status, string? Model, long CreatedAt, long? StartedAt, long? FinishedAt, int Attempts, JsonElement? Result)
{
    /// <summary>The report of a job.</summary>
    public static JobReport Of(JobSnapshot job) => new(
        job.Key.Id,
        job.Key.Owner,
        job.Status,
        job.Model,
        job.CreatedAt.ToUnixTimeSeconds(),
        job.StartedAt?.ToUnixTimeSeconds(),
        job.FinishedAt?.ToUnixTimeSeconds(),
        job.Attempts,
        JobText.ResultOf(job)?.Document);
}
