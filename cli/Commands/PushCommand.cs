using System.CommandLine;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Models;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 push</c>: a local model into blob storage.</summary>
internal static class PushCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> path = new("PATH") { Description = "A Hugging Face folder, or a .gguf file." };
        Argument<string> name = Shared.StoredModel();
        Option<bool> json = Shared.Json();
        var command = new Command("push", "Store a model in blob storage. Files that are there already are not sent again.") { path, name, json };
        command.SetAction((parse, cancellationToken) =>
            RunAsync(parse.GetRequiredValue(path), parse.GetRequiredValue(name), parse.GetValue(json), cancellationToken));
        return command;
    }

    private static async Task RunAsync(string path, string name, bool json, CancellationToken cancellationToken)
    {
        var store = new ModelStore(StorageConnection.FromEnvironment());
        PushResult result = await ProgressBar.RunAsync("Hashing", progress => store.PushAsync(path, name, progress, cancellationToken));
        if (json) StandardOutput.WriteJson(new PushReport(name, result.FilesUploaded, result.FilesSkipped, result.BytesUploaded), CliJson.Document.PushReport);
        else Console.WriteLine($"blob:{name}: {result.FilesUploaded} files sent ({Sizes.Describe(result.BytesUploaded)}), {result.FilesSkipped} were there already.");
    }
}

/// <summary>What <c>gemma2 push --json</c> prints.</summary>
/// <param name="Model">The model's name in storage.</param>
/// <param name="FilesUploaded">Files that were sent.</param>
/// <param name="FilesSkipped">Files that were there already.</param>
/// <param name="BytesUploaded">Bytes that were sent.</param>
internal sealed record PushReport(string Model, int FilesUploaded, int FilesSkipped, long BytesUploaded);
