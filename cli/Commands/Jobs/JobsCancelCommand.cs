using System.CommandLine;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Cli.Commands.Jobs;

/// <summary><c>gemma2 jobs cancel</c>: stops a job that has no result yet.</summary>
internal static class JobsCancelCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> id = TargetArguments.Id("The job.");
        Option<string?> owner = TargetArguments.Owner();
        Option<bool> json = Shared.Json();
        var command = new Command("cancel", "Stop a job, also while it runs.") { id, owner, json };
        command.SetAction((parse, cancellationToken) =>
            RunAsync(new OwnedId(parse.GetValue(owner), parse.GetRequiredValue(id)), parse.GetValue(json), cancellationToken));
        return command;
    }

    private static async Task RunAsync(OwnedId key, bool json, CancellationToken cancellationToken)
    {
        JobSnapshot job = await new JobStore(StorageConnection.FromEnvironment()).CancelAsync(key, cancellationToken)
            ?? throw new JobException($"There is no job {key.Id}.");
        if (json) StandardOutput.WriteJson(JobReport.Of(job), CliJson.Document.JobReport);
        if (job.Status != JobStatus.Cancelled) throw new JobException($"Job {key.Id} has {JobText.Status(job.Status)} already; it can no longer be cancelled.");
        if (!json) Console.WriteLine($"{key.Id}: {JobText.Status(job.Status)}");
    }
}
