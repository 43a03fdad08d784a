using System.CommandLine;
using Gemma2.Backend;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Cli.Commands.Jobs;

/// <summary><c>gemma2 jobs requeue</c>: gives jobs that failed or were cancelled another chance.</summary>
internal static class JobsRequeueCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string[]> ids = TargetArguments.Ids("Jobs that failed or were cancelled.");
        Option<bool> allFailed = new("--all-failed") { Description = "All jobs that have failed: of one key with --owner, else of every key." };
        Option<string?> owner = TargetArguments.Owner();
        Option<bool> json = Shared.Json();
        var command = new Command("requeue", "Take away the results of jobs that failed and queue them again.") { ids, allFailed, owner, json };
        command.Validators.Add(result =>
        {
            if (result.GetResult(ids) is { Tokens.Count: > 0 } == result.GetValue(allFailed)) result.AddError("Give either the ids of jobs, or --all-failed.");
        });
        command.SetAction((parse, cancellationToken) =>
        {
            var jobs = new JobStore(StorageConnection.FromEnvironment());
            string? whose = parse.GetValue(owner);
            IAsyncEnumerable<OwnedId> keys = parse.GetValue(allFailed)
                ? JobsFailedCommand.ListAsync(jobs, whose, cancellationToken).Select(job => job.Key)
                : parse.GetRequiredValue(ids).Distinct().Select(id => new OwnedId(whose, id)).ToAsyncEnumerable();
            return RunAsync(jobs, keys, parse.GetValue(json), cancellationToken);
        });
        return command;
    }

    /// <summary>Queues each; one that cannot be does not hold up the others.</summary>
    private static async Task RunAsync(JobStore jobs, IAsyncEnumerable<OwnedId> keys, bool json, CancellationToken cancellationToken)
    {
        List<string> requeued = [];
        List<RefusedJob> refused = [];
        await foreach (OwnedId key in keys)
        {
            try
            {
                await jobs.RequeueAsync(key, cancellationToken);
                requeued.Add(key.Path);
                if (!json) Console.WriteLine($"{key.Path}: queued");
            }
            catch (InvalidRequestException error)
            {
                refused.Add(new RefusedJob(key.Path, error.Message));
            }
        }
        if (json) StandardOutput.WriteJson(new RequeueReport(requeued, refused), CliJson.Document.RequeueReport);
        if (refused is [var first, ..])
            throw new JobException($"{refused.Count} of {requeued.Count + refused.Count} jobs were not queued again; {first.Id}: {first.Reason}");
    }
}

/// <summary>What <c>gemma2 jobs requeue --json</c> prints.</summary>
/// <param name="Requeued">The jobs that are queued again: <c>ID</c>, or <c>OWNER/ID</c>.</param>
/// <param name="Refused">The others.</param>
internal sealed record RequeueReport(IReadOnlyList<string> Requeued, IReadOnlyList<RefusedJob> Refused);

/// <summary>A job that is not queued again.</summary>
/// <param name="Id"><c>ID</c>, or <c>OWNER/ID</c>.</param>
/// <param name="Reason">Why.</param>
internal sealed record RefusedJob(string Id, string Reason);
