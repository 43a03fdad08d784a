using System.CommandLine;
using Gemma2.Backend.Serving;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Models;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 pull</c>: a model from blob storage into a folder.</summary>
internal static class PullCommand
{
    private const int BufferBytes = 1 << 20;

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
        foreach (string file in files.Keys)
        {
            await using Stream stored = await source.OpenAsync(file, cancellationToken);
            await AtomicFile.WriteAsync(Path.Combine(folder, file), local => CopyAsync(stored, local));
        }
        return new PullReport(source.Name, folder, files.Count, total);

        async Task CopyAsync(Stream stored, Stream local)
        {
            byte[] buffer = new byte[BufferBytes];
            for (int count; (count = await stored.ReadAsync(buffer, cancellationToken)) > 0;)
            {
                await local.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
                progress?.Report(new LoadProgress(done += count, total));
            }
        }
    }
}

/// <summary>What <c>gemma2 pull --json</c> prints.</summary>
/// <param name="Model">The model's name in storage.</param>
/// <param name="Folder">Where the files are now.</param>
/// <param name="Files">How many they are.</param>
/// <param name="Bytes">Their bytes.</param>
internal sealed record PullReport(string Model, string Folder, int Files, long Bytes);
