using System.CommandLine;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Cli.Commands.Jobs;

/// <summary><c>gemma2 jobs failed</c>: every job that has failed, and why.</summary>
internal static class JobsFailedCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Option<string?> owner = TargetArguments.OnlyOwner();
        Option<bool> json = Shared.Json();
        var command = new Command("failed", "List the jobs that have failed, with the reason of each.") { owner, json };
        command.SetAction((parse, cancellationToken) => RunAsync(parse.GetValue(owner), parse.GetValue(json), cancellationToken));
        return command;
    }

    /// <summary>The jobs that have failed, of all owners or of one.</summary>
    public static IAsyncEnumerable<JobSnapshot> ListAsync(JobStore jobs, string? owner, CancellationToken cancellationToken) =>
        jobs.ListFailedAsync(cancellationToken).Where(job => owner is null || job.Key.Owner == owner);

    private static async Task RunAsync(string? owner, bool json, CancellationToken cancellationToken)
    {
        List<JobSnapshot> failed = await ListAsync(new JobStore(StorageConnection.FromEnvironment()), owner, cancellationToken).ToListAsync(cancellationToken);
        if (json) StandardOutput.WriteJson(new JobListReport([.. failed.Select(JobReport.Of)]), CliJson.Document.JobListReport);
        else Tables.Print(["job", "owner", "model", "finished", "reason"], failed.Select(Row));
    }

    private static IReadOnlyList<string> Row(JobSnapshot job) =>
        [job.Key.Id, job.Key.Owner ?? "-", job.Model ?? "-", Times.Describe(job.FinishedAt), JobText.ReasonOf(job)];
}

/// <summary>What <c>gemma2 jobs failed --json</c> prints.</summary>
/// <param name="Jobs">The jobs.</param>
internal sealed record JobListReport(IReadOnlyList<JobReport> Jobs);
