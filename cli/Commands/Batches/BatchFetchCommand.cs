using System.CommandLine;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;

namespace Gemma2.Cli.Commands.Batches;

/// <summary><c>gemma2 batch fetch</c>: the files that a batch has made.</summary>
internal static class BatchFetchCommand
{
    private const string Stdout = "-";

    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> id = TargetArguments.Id("The batch.");
        Option<string?> output = Values.Text("--output", "Where the answers go; - is stdout (without --output and --errors: stdout).", "FILE");
        Option<string?> errors = Values.Text("--errors", "Where the errors go: one for each request that has no answer.", "FILE");
        Option<string?> owner = TargetArguments.Owner();
        Option<bool> json = Shared.Json();
        var command = new Command("fetch", "Fetch the answers of a batch that has ended, and the errors of what failed.") { id, output, errors, owner, json };
        command.Validators.Add(result =>
        {
            string? first = result.GetValue(output), second = result.GetValue(errors);
            if (first is not null && second is not null && SamePlace(first, second)) result.AddError("--output and --errors are the same file.");
            if (result.GetValue(json) && ((first ?? second) is null || first == Stdout || second == Stdout))
                result.AddError("With --json the files need names: --output FILE, --errors FILE.");
        });
        command.SetAction((parse, cancellationToken) =>
        {
            string? answers = parse.GetValue(output), failures = parse.GetValue(errors);
            return RunAsync(
                new OwnedId(parse.GetValue(owner), parse.GetRequiredValue(id)),
                answers is null && failures is null ? Stdout : answers,
                failures,
                parse.GetValue(json),
                cancellationToken);
        });
        return command;
    }

    private static bool SamePlace(string first, string second) =>
        first == Stdout || second == Stdout ? first == second : Path.GetFullPath(first) == Path.GetFullPath(second);

    private static async Task RunAsync(OwnedId key, string? output, string? errors, bool json, CancellationToken cancellationToken)
    {
        StorageConnection connection = StorageConnection.FromEnvironment();
        BatchRecord batch = await new BatchStore(connection).TryReadAsync(key, cancellationToken) ?? throw new BatchException($"There is no batch {key.Id}.");
        if (!batch.HasEnded)
            throw new BatchException($"Batch {key.Id} has not ended: {BatchText.Progress(batch)}. Wait for it with: gemma2 batch watch {key.ForCommandLine()}");

        var files = new FileStore(connection);
        FetchedFile? answers = await FetchAsync(files, key.Owner, batch.OutputFileId, output, cancellationToken);
        FetchedFile? failures = await FetchAsync(files, key.Owner, batch.ErrorFileId, errors, cancellationToken);
        string[] missing = [.. Missing(batch, output, errors)];
        if (answers is null && failures is null) throw new BatchException(missing[0]);
        if (json) StandardOutput.WriteJson(new FetchReport(key.Id, batch.Status, answers, failures), CliJson.Document.FetchReport);
        foreach (string note in missing) Console.Error.WriteLine($"gemma2: {note}");
    }

    private static IEnumerable<string> Missing(BatchRecord batch, string? output, string? errors)
    {
        string id = batch.Key.Id;
        if (output is not null && batch.OutputFileId is null) yield return $"Batch {id} has no output file: none of its requests has an answer.";
        if (errors is not null && batch.ErrorFileId is null)
            yield return $"Batch {id} has no error file: {(batch.Status == BatchStatus.Failed ? "it failed as a whole" : "none of its requests failed")}.";
    }

    /// <summary>Fetches a file; null where there is none, or nobody asked for it.</summary>
    private static async Task<FetchedFile?> FetchAsync(FileStore files, string? owner, string? fileId, string? path, CancellationToken cancellationToken)
    {
        if (fileId is null || path is null) return null;
        var key = new OwnedId(owner, fileId);
        StoredFile file = await files.TryGetAsync(key, cancellationToken) ?? throw Gone(key);
        await using Stream content = await files.TryOpenReadAsync(key, 0, null, cancellationToken) ?? throw Gone(key);
        await CopyAsync(content, file.Bytes, path, cancellationToken);
        return new FetchedFile(fileId, path, file.Bytes);
    }

    private static async Task CopyAsync(Stream content, long bytes, string path, CancellationToken cancellationToken)
    {
        if (path == Stdout)
        {
            await using Stream stdout = Console.OpenStandardOutput();
            await content.CopyToAsync(stdout, cancellationToken);
            return;
        }
        await ProgressBar.RunAsync("Fetching", bytes, async read =>
        {
            await AtomicFile.WriteAsync(path, local => Transfer.CopyAsync(content, local, read, cancellationToken));
            return true;
        });
    }

    private static BatchException Gone(OwnedId file) => new($"The file {file.Id} is no longer in storage.");
}

/// <summary>What <c>gemma2 batch fetch --json</c> prints.</summary>
/// <param name="Id">The batch.</param>
/// <param name="Status">How it ended.</param>
/// <param name="Output">The answers; null where there are none, or none were asked for.</param>
/// <param name="Errors">The errors; null where there are none, or none were asked for.</param>
internal sealed record FetchReport(string Id, BatchStatus Status, FetchedFile? Output, FetchedFile? Errors);

/// <summary>A file that was fetched.</summary>
/// <param name="FileId">Its id in storage.</param>
/// <param name="Path">Where it is now.</param>
/// <param name="Bytes">Its length.</param>
internal sealed record FetchedFile(string FileId, string Path, long Bytes);
