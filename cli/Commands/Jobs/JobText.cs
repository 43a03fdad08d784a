using System.Globalization;
using System.Text.Json;
using Gemma2.Cli.Terminal;
using Gemma2.Storage.Jobs;

namespace Gemma2.Cli.Commands.Jobs;

/// <summary>Jobs in words.</summary>
internal static class JobText
{
    /// <summary>How far a job is, in a word.</summary>
    public static string Status(JobStatus status) => JobStatusNames.Of(status);

    /// <summary>A job's result; null while it has none.</summary>
    public static JobResult? ResultOf(JobSnapshot job) => job.Result is { } json ? new JobResult(JsonElement.Parse(json.Span)) : null;

    /// <summary>What the model wrote.</summary>
    /// <exception cref="JobException">The job has no answer; the message says why.</exception>
    public static string AnswerOf(JobSnapshot job)
    {
        if (job.Status == JobStatus.Cancelled) throw new JobException($"Job {job.Key.Id} was cancelled.");
        JobResult? result = ResultOf(job);
        return result is { Reason: null, Answer: { } answer } ? answer : throw new JobException($"Job {job.Key.Id} failed: {ReasonOf(job)}");
    }

    /// <summary>Why a job has no answer.</summary>
    public static string ReasonOf(JobSnapshot job) => ErrorText.OneLine(ResultOf(job)?.Reason ?? "it has no result");

    /// <summary>Shows all about a job on stdout.</summary>
    public static void Print(JobSnapshot job)
    {
        Tables.Print([job.Key.Id, Status(job.Status)], Facts(job));
        if (job.Status != JobStatus.Succeeded) return;
        Console.WriteLine();
        Console.WriteLine(AnswerOf(job));
    }

    private static IEnumerable<IReadOnlyList<string>> Facts(JobSnapshot job)
    {
        yield return ["model", job.Model ?? "-"];
        yield return ["created", Times.Describe(job.CreatedAt)];
        yield return ["started", Times.Describe(job.StartedAt)];
        yield return ["finished", Times.Describe(job.FinishedAt)];
        yield return ["attempts", job.Attempts.ToString(CultureInfo.InvariantCulture)];
        if (job.Status == JobStatus.Failed) yield return ["reason", ReasonOf(job)];
    }
}
