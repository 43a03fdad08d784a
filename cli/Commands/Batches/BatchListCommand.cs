using System.CommandLine;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Batches;

namespace Gemma2.Cli.Commands.Batches;

/// <summary><c>gemma2 batch list</c>: the newest batches.</summary>
internal static class BatchListCommand
{
    private const int DefaultLimit = 20;
    private const int LargestLimit = 100;

    /// <summary>The command.</summary>
    public static Command Create()
    {
        Option<int?> limit = Values.Number<int>(
            "--limit", $"Show at most N (without it: {DefaultLimit}).", $"1 to {LargestLimit}", n => n is >= 1 and <= LargestLimit);
        Option<string?> after = TargetArguments.After("Begin behind this batch.");
        Option<string?> owner = TargetArguments.Owner();
        Option<bool> json = Shared.Json();
        var command = new Command("list", "List batches, the newest first.") { limit, after, owner, json };
        command.SetAction((parse, cancellationToken) => RunAsync(
            parse.GetValue(owner), parse.GetValue(after), parse.GetValue(limit) ?? DefaultLimit, parse.GetValue(json), cancellationToken));
        return command;
    }

    private static async Task RunAsync(string? owner, string? after, int limit, bool json, CancellationToken cancellationToken)
    {
        var store = new BatchStore(StorageConnection.FromEnvironment());
        (IReadOnlyList<BatchRecord> batches, bool hasMore) = await store.ListAsync(owner, after, limit, cancellationToken);
        if (json)
        {
            StandardOutput.WriteJson(new BatchListReport([.. batches.Select(BatchReport.Of)], hasMore), CliJson.Document.BatchListReport);
            return;
        }
        Tables.Print(["batch", "status", "requests", "created"], batches.Select(Row));
        if (hasMore) Console.Error.WriteLine($"gemma2: there are more: gemma2 batch list --after {batches[^1].Key.ForCommandLine()}");
    }

    private static IReadOnlyList<string> Row(BatchRecord batch) => [
        batch.Key.Id,
        BatchText.Status(batch.Status),
        batch.Counts.Total > 0 ? BatchText.Requests(batch.Counts) : "-",
        Times.Describe(batch.CreatedAt)];
}

/// <summary>What <c>gemma2 batch list --json</c> prints.</summary>
/// <param name="Batches">The batches, newest first.</param>
/// <param name="HasMore">True when there are older ones.</param>
internal sealed record BatchListReport(IReadOnlyList<BatchReport> Batches, bool HasMore);
