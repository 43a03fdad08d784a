using System.CommandLine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Models;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 pull</c>: a model from blob storage into a folder.</summary>
internal static class PullCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> name = Shared.StoredModel();
        Argument<string> folder = new("DIR") { Description = "The folder that gets the files; it is made if it does not exist." };
        Option<bool> json = Shared.Json();
        var command = new Command("pull", "Fetch a model from blob storage, checked against its manifest.") { name, folder, json };
        command.SetAction((parse, cancellationToken) =>
            RunAsync(parse.GetRequiredValue(name), parse.GetRequiredValue(folder), parse.GetValue(json), cancellationToken));
        return command;
    }

    private static async Task RunAsync(string name, string folder, bool json, CancellationToken cancellationToken)
    {
        var source = new BlobModelSource(StorageConnection.FromEnvironment(), name);
        PullReport report = await ProgressBar.RunAsync($"Fetching {name}", progress => PullAsync(source, folder, progress, cancellationToken));
        if (json) StandardOutput.WriteJson(report, CliJson.Document.PullReport);
        else Console.WriteLine($"{folder}: {report.Files} files ({Sizes.Describe(report.Bytes)}).");
    }

    private static async Task<PullReport> PullAsync(
        BlobModelSource source, string folder, ProgressBar? progress, CancellationToken cancellationToken)
    {
        IReadOnlyDictionary<string, long> files = await source.ListAsync(cancellationToken);
        long total = files.Values.Sum(), done = 0;
        Directory.CreateDirectory(folder);
        foreach ((string file, long length) in files)
        {
            await using var stored = new ModelFileStream(await source.OpenAsync(file, cancellationToken));
            await AtomicFile.WriteAsync(Path.Combine(folder, file), local => Transfer.CopyAsync(stored, local, progress?.From(done, total), cancellationToken));
            done += length;
        }
        return new PullReport(source.Name, folder, files.Count, total);
    }
}

/// <summary>What <c>gemma2 pull --json</c> prints.</summary>
/// <param name="Model">The model's name in storage.</param>
/// <param name="Folder">Where the files are now.</param>
/// <param name="Files">How many they are.</param>
/// <param name="Bytes">Their bytes.</param>
internal sealed record PullReport(string Model, string Folder, int Files, long Bytes);
