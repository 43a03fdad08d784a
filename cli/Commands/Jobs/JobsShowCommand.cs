using System.CommandLine;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Cli.Commands.Jobs;

/// <summary><c>gemma2 jobs show</c>: a job as it is now.</summary>
internal static class JobsShowCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> id = TargetArguments.Id("The job.");
        Option<string?> owner = TargetArguments.Owner();
        Option<bool> json = Shared.Json();
        var command = new Command("show", "Show how far a job is, and its answer or what went wrong.") { id, owner, json };
        command.SetAction((parse, cancellationToken) =>
            RunAsync(new OwnedId(parse.GetValue(owner), parse.GetRequiredValue(id)), parse.GetValue(json), cancellationToken));
        return command;
    }

    private static async Task RunAsync(OwnedId key, bool json, CancellationToken cancellationToken)
    {
        JobSnapshot job = await JobWatch.LookAsync(new JobStore(StorageConnection.FromEnvironment()), key, cancellationToken);
        if (json) StandardOutput.WriteJson(JobReport.Of(job), CliJson.Document.JobReport);
        else JobText.Print(job);
    }
}
