using System.CommandLine;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Batches;

namespace Gemma2.Cli.Commands.Batches;

/// <summary><c>gemma2 batch retry</c>: a batch of the requests of another one that have no answer.</summary>
internal static class BatchRetryCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> id = TargetArguments.Id("The batch; it must have ended.");
        Option<bool> wait = new("--wait") { Description = "Watch the new batch until it has ended." };
        Option<string?> owner = TargetArguments.Owner();
        Option<bool> json = Shared.Json();
        var command = new Command("retry", "Make a batch of the requests that have no answer; prints its id. Asked again, it gives the same batch.") { id, wait, owner, json };
        command.SetAction((parse, cancellationToken) => RunAsync(
            new OwnedId(parse.GetValue(owner), parse.GetRequiredValue(id)), parse.GetValue(wait), parse.GetValue(json), cancellationToken));
        return command;
    }

    private static async Task RunAsync(OwnedId key, bool wait, bool json, CancellationToken cancellationToken)
    {
        StorageConnection connection = StorageConnection.FromEnvironment();
        BatchRecord retry = await new BatchRetry(connection).RunAsync(key, cancellationToken) ?? throw new BatchException($"There is no batch {key.Id}.");
        if (!json) Console.WriteLine(retry.Key.Id);
        if (wait) await BatchWatchCommand.RunAsync(new BatchStore(connection), retry.Key, json, cancellationToken);
        else if (json) StandardOutput.WriteJson(BatchReport.Of(retry), CliJson.Document.BatchReport);
    }
}
