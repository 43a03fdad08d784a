using System.CommandLine;
using Gemma2.Backend.Adapters;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Models;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 merge</c>: a model to which adapters are added for good.</summary>
internal static class MergeCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> model = Shared.Model();
        Argument<string> output = new("OUT") { Description = "The new folder that is written, as Hugging Face's tools and this one read it; or a new .gguf file." };
        var adapters = new AdapterArguments();
        Option<bool> json = Shared.Json();
        var command = new Command("merge", "Add LoRA adapters to a model's weights, and write it with its matrices in the types that they have.") { model, output };
        adapters.AddTo(command, isRequired: true);
        command.Add(json);
        command.SetAction(async (parse, cancellationToken) =>
        {
            (IModelSource source, IReadOnlyList<AdapterSource> added, string path) = (ModelLocation.Open(parse.GetRequiredValue(model)), adapters.Read(parse), parse.GetRequiredValue(output));
            if (Path.Exists(path)) throw new IOException($"{path} exists; name one that does not.");
            if (path.EndsWith(GgufFiles.Extension, StringComparison.OrdinalIgnoreCase))
            {
                await ModelFile.WriteAsync(
                    path, force: false, parse.GetValue(json), "Merging", (file, progress) => ModelMerger.WriteGgufAsync(source, added, file, progress, cancellationToken));
                return;
            }
            FileReport report = await ProgressBar.RunAsync("Merging", async progress =>
            {
                await AtomicFolder.WriteAsync(path, folder => ModelMerger.WriteFolderAsync(source, added, folder, progress, cancellationToken));
                return new FileReport(path, new DirectoryInfo(path).EnumerateFiles().Sum(file => file.Length));
            });
            if (parse.GetValue(json)) StandardOutput.WriteJson(report, CliJson.Document.FileReport);
            else Console.WriteLine(report.Describe());
        });
        return command;
    }
}
