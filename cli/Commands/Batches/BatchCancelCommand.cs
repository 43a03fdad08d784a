using System.CommandLine;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Batches;

namespace Gemma2.Cli.Commands.Batches;

/// <summary><c>gemma2 batch cancel</c>: asks a batch to stop.</summary>
internal static class BatchCancelCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> id = TargetArguments.Id("The batch.");
        Option<string?> owner = TargetArguments.Owner();
        Option<bool> json = Shared.Json();
        var command = new Command("cancel", "Stop a batch. What is done by then stays and can be fetched.") { id, owner, json };
        command.SetAction((parse, cancellationToken) =>
            RunAsync(new OwnedId(parse.GetValue(owner), parse.GetRequiredValue(id)), parse.GetValue(json), cancellationToken));
        return command;
    }

    private static async Task RunAsync(OwnedId key, bool json, CancellationToken cancellationToken)
    {
        BatchRecord batch = await new BatchStore(StorageConnection.FromEnvironment()).CancelAsync(key, cancellationToken)
            ?? throw new BatchException($"There is no batch {key.Id}.");
        if (json) StandardOutput.WriteJson(BatchReport.Of(batch), CliJson.Document.BatchReport);
        else Console.WriteLine($"{key.Id}: {BatchText.Status(batch.Status)}");
    }
}
