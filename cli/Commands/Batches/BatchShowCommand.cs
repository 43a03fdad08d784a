using System.CommandLine;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Batches;

namespace Gemma2.Cli.Commands.Batches;

/// <summary><c>gemma2 batch show</c>: all about a batch as it is now.</summary>
internal static class BatchShowCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> id = TargetArguments.Id("The batch.");
        Option<string?> owner = TargetArguments.Owner();
        Option<bool> json = Shared.Json();
        var command = new Command("show", "Show a batch as it is now: how far and how fast it is, when it is due, what it cost.") { id, owner, json };
        command.SetAction((parse, cancellationToken) =>
            RunAsync(new OwnedId(parse.GetValue(owner), parse.GetRequiredValue(id)), parse.GetValue(json), cancellationToken));
        return command;
    }

    private static async Task RunAsync(OwnedId key, bool json, CancellationToken cancellationToken)
    {
        BatchRecord batch = await new BatchStore(StorageConnection.FromEnvironment()).TryReadAsync(key, cancellationToken)
            ?? throw new BatchException($"There is no batch {key.Id}.");
        if (json) StandardOutput.WriteJson(BatchReport.Of(batch), CliJson.Document.BatchReport);
        else BatchText.Print(batch);
    }
}
