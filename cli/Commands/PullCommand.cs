using System.CommandLine;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Hub;
using Gemma2.Cli.Models;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Models;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 pull</c>: a model from blob storage or the hub into a folder.</summary>
internal static class PullCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> model = new("NAME") { Description = "The model's name in blob storage, or hf:OWNER/NAME[@REVISION][:FILE] for a model on the Hugging Face hub." };
        Argument<string> folder = new("DIR") { Description = "The folder that gets the files; it is made if it does not exist." };
        Option<bool> json = Shared.Json();
        var command = new Command("pull", "Fetch a model into a folder, checked by its hashes. An interrupted pull goes on where it was.") { model, folder, json };
        command.SetAction((parse, cancellationToken) =>
            RunAsync(parse.GetRequiredValue(model), parse.GetRequiredValue(folder), parse.GetValue(json), cancellationToken));
        return command;
    }

    private static async Task RunAsync(string model, string folder, bool json, CancellationToken cancellationToken)
    {
        PullReport report;
        if (HubReference.Parse(model) is { } reference)
        {
            using var client = new HubClient(HubSettings.FromEnvironment());
            report = await PullAsync(model, () => FindAsync(client, reference, cancellationToken), folder, cancellationToken);
        }
        else
        {
            string name = ModelName.FromReference(model) ?? model;
            report = await PullAsync(name, () => new ModelStore(StorageConnection.FromEnvironment()).OpenAsync(name, cancellationToken), folder, cancellationToken);
        }
        if (json) StandardOutput.WriteJson(report, CliJson.Document.PullReport);
        else Console.WriteLine($"{folder}: {report.Files} files ({Sizes.Describe(report.Bytes)}), {report.FilesSkipped} were there already.");
    }

    private static async Task<IReadOnlyList<SourceFile>> FindAsync(HubClient client, HubReference reference, CancellationToken cancellationToken) =>
        await HubFile.FindAsync(client, reference, cancellationToken);

    private static Task<PullReport> PullAsync(string model, Func<Task<IReadOnlyList<SourceFile>>> find, string folder, CancellationToken cancellationToken) =>
        ProgressBar.RunAsync($"Fetching {model}", async progress =>
        {
            IReadOnlyList<SourceFile> files = await find();
            long total = files.Sum(file => file.Length);
            var download = new FolderDownload(folder, total, progress?.From(0, total));
            await download.RunAsync(files, cancellationToken);
            foreach (SourceFile file in files) await file.DisposeAsync();
            return new PullReport(model, folder, files.Count, download.FilesSkipped, total, download.BytesFetched);
        });
}

/// <summary>What <c>gemma2 pull --json</c> prints.</summary>
/// <param name="Model">The model's name in storage, or its reference on the hub.</param>
/// <param name="Folder">Where the files are now.</param>
/// <param name="Files">How many they are.</param>
/// <param name="FilesSkipped">Those that were there already.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="BytesFetched">Bytes that came in this run.</param>
internal sealed record PullReport(string Model, string Folder, int Files, int FilesSkipped, long Bytes, long BytesFetched);
