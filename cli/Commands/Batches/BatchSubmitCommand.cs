using System.CommandLine;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;
using Gemma2.Storage.Jobs;

namespace Gemma2.Cli.Commands.Batches;

/// <summary><c>gemma2 batch submit</c>: uploads a file of requests and makes a batch of it.</summary>
internal static class BatchSubmitCommand
{
    private const string DefaultWindow = "24h";

    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> file = new("FILE") { Description = "Requests as OpenAI's batches have them: a line of JSON each, with custom_id, method, url and body." };
        Option<string?> endpoint = Values.Word(
            "--endpoint",
            $"What every line calls (without it: {BatchEndpoint.All[0]}).",
            "PATH",
            BatchEndpoint.Allowed,
            path => BatchEndpoint.TryFind(path) is not null);
        Option<string?> window = Values.Text("--window", $"How long it may take, 1h to 168h or 1d to 7d (without it: {DefaultWindow}).", "24h");
        Option<IReadOnlyDictionary<string, string>?> metadata = Values.Notes("--metadata", "A note on the batch; may be given several times.");
        Option<Uri?> callback = Values.Address("--callback", "Who is told of the batch's end; the service must allow the host.", JobMessage.MaxCallbackUrlLength);
        Option<long?> expires = Values.Number<long>(
            "--output-expires", "After how many seconds its files are deleted (without it: they are kept).", $"{FileLifetime.FewestSeconds} to {FileLifetime.MostSeconds}",
            seconds => seconds is >= FileLifetime.FewestSeconds and <= FileLifetime.MostSeconds);
        Option<bool> wait = new("--wait") { Description = "Watch the batch until it has ended." };
        Option<string?> owner = TargetArguments.Owner();
        Option<bool> json = Shared.Json();
        var command = new Command("submit", "Upload a file of requests and make a batch of it; prints the batch's id.") { file, endpoint, window, metadata, callback, expires, wait, owner, json };
        command.SetAction((parse, cancellationToken) => RunAsync(
            parse.GetRequiredValue(file),
            new NewBatch(
                parse.GetValue(owner),
                parse.GetValue(endpoint) ?? BatchEndpoint.All[0],
                FileStore.NewId(),
                parse.GetValue(window) ?? DefaultWindow,
                parse.GetValue(metadata),
                parse.GetValue(expires) is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
                parse.GetValue(callback)),
            parse.GetValue(wait),
            parse.GetValue(json),
            cancellationToken));
        return command;
    }

    private static async Task RunAsync(string path, NewBatch order, bool wait, bool json, CancellationToken cancellationToken)
    {
        order.Validate();
        await using FileStream content = Open(path);
        StorageConnection connection = StorageConnection.FromEnvironment();
        await StorageProvisioning.EnsureCreatedAsync(connection, cancellationToken);
        var batches = new BatchStore(connection);
        await UploadAsync(new FileStore(connection), order, content, cancellationToken);
        BatchRecord batch = await batches.CreateAsync(order, cancellationToken);
        if (!json) Console.WriteLine(batch.Key.Id);
        if (wait) await BatchWatchCommand.RunAsync(batches, batch.Key, json, cancellationToken);
        else if (json) StandardOutput.WriteJson(BatchReport.Of(batch), CliJson.Document.BatchReport);
    }

    /// <summary>Opens a file that can be a batch: what a look can tell is told before anything is sent.</summary>
    private static FileStream Open(string path)
    {
        if (Directory.Exists(path)) throw new BatchException($"'{path}' is a folder; a file of requests is expected.");
        FileStream content = File.OpenRead(path);
        if (content.Length is > 0 and <= FileStore.MaxBytes) return content;
        string problem = content.Length == 0
            ? $"'{path}' is empty; a line for each request is expected."
            : $"'{path}' has {Sizes.Describe(content.Length)}; allowed are {Sizes.Describe(FileStore.MaxBytes)}. Make several batches of it.";
        content.Dispose();
        throw new BatchException(problem);
    }

    private static Task<StoredFile> UploadAsync(FileStore files, NewBatch order, FileStream content, CancellationToken cancellationToken) => ProgressBar.RunAsync(
        "Uploading",
        content.Length,
        sent => files.UploadAsync(
            new OwnedId(order.Owner, order.InputFileId), Path.GetFileName(content.Name), FileStore.BatchPurpose, content, sent, cancellationToken));
}
