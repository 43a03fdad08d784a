using System.CommandLine;
using System.Diagnostics;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Batches;

namespace Gemma2.Cli.Commands.Batches;

/// <summary><c>gemma2 batch watch</c>: looks on until a batch has ended.</summary>
internal static class BatchWatchCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> id = TargetArguments.Id("The batch.");
        Option<string?> owner = TargetArguments.Owner();
        Option<bool> json = Shared.Json();
        var command = new Command("watch", "Show how a batch goes on until it has ended. Exit code 0 means completed; Ctrl+C stops the watch, not the batch.") { id, owner, json };
        command.SetAction((parse, cancellationToken) => RunAsync(
            new BatchStore(StorageConnection.FromEnvironment()), new OwnedId(parse.GetValue(owner), parse.GetRequiredValue(id)), parse.GetValue(json), cancellationToken));
        return command;
    }

    /// <summary>Watches a batch to its end and prints how it ended.</summary>
    /// <exception cref="BatchException">There is no such batch, or it ended in another way than completed.</exception>
    /// <exception cref="InterruptedException">The watch was stopped.</exception>
    public static async Task RunAsync(BatchStore batches, OwnedId key, bool json, CancellationToken cancellationToken)
    {
        BatchRecord batch;
        try
        {
            batch = await LiveLine.RunAsync($"{key.Id}: asking storage", line => WatchAsync(batches, key, line, cancellationToken));
        }
        catch (OperationCanceledException)
        {
            throw new InterruptedException($"interrupted; batch {key.Id} goes on, watch it again with: gemma2 batch watch {key.ForCommandLine()}");
        }
        if (json) StandardOutput.WriteJson(BatchReport.Of(batch), CliJson.Document.BatchReport);
        else BatchText.Print(batch);
        if (batch.Status != BatchStatus.Completed) throw new BatchException(HowItEnded(batch));
    }

    private static Task<BatchRecord> WatchAsync(BatchStore batches, OwnedId key, LiveLine? line, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        var pace = new BatchPace();
        string shown = "";
        return Watch.UntilAsync(
            async token => await batches.TryReadAsync(key, token) ?? throw new BatchException($"There is no batch {key.Id}."),
            batch => batch.HasEnded,
            batch =>
            {
                bool runs = batch.Status == BatchStatus.InProgress;
                if (runs) pace.Add(Stopwatch.GetElapsedTime(start), batch.Counts, batch.Usage);
                Show(BatchText.Progress(batch), runs ? $"{BatchText.Requests(batch.Counts)}, {BatchText.Pace(pace)}, due in {Times.Describe(batch.ExpiresAt - DateTimeOffset.UtcNow)}" : null, ShareOf(batch));
            },
            error => Show($"storage does not answer, trying again ({ErrorText.Describe(error)})", null, null),
            cancellationToken);

        // Without a terminal there is a line for each change, and none for figures that always change.
        void Show(string progress, string? live, double? share)
        {
            line?.Show(live ?? progress, share);
            if (line is null && progress != shown) Console.Error.WriteLine($"{key.Id}: {progress}");
            shown = progress;
        }
    }

    private static double? ShareOf(BatchRecord batch) =>
        batch.Counts is { Total: > 0 } counts ? (double)(counts.Completed + counts.Failed) / counts.Total : null;

    private static string HowItEnded(BatchRecord batch) => batch switch
    {
        { Status: BatchStatus.Failed, Errors: [{ } first, ..] } => $"Batch {batch.Key.Id} failed: {(first.Line is { } line ? $"line {line}: " : "")}{first.Message}",
        { Status: BatchStatus.Failed } => $"Batch {batch.Key.Id} failed.",
        { Status: BatchStatus.Expired } => $"Batch {batch.Key.Id} expired after its window of {batch.CompletionWindow}; what was done by then is in its output file.",
        _ => $"Batch {batch.Key.Id} was cancelled; what was done by then is in its output file.",
    };
}
