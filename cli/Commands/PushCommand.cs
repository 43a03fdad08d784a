using System.CommandLine;
using System.Text.Json.Serialization;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Quantizing;
using Gemma2.Backend.Tensors;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Hub;
using Gemma2.Cli.Models;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Models;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 push</c>: a model into blob storage.</summary>
internal static class PushCommand
{
    // What a model that is quantized on the way is called in storage; its own name is in it.
    private const string QuantizedFile = "model" + GgufFiles.Extension;

    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> path = new("PATH") { Description = "A Hugging Face folder, a .gguf file, or hf:OWNER/NAME[@REVISION][:FILE] for a model on the Hugging Face hub." };
        Argument<string> name = Shared.StoredModel();
        Option<WeightType?> type = Shared.WeightType("Quantize on the way, as `gemma2 quantize` does, and store one GGUF file.");
        var how = new QuantizeArguments();
        Option<bool> warm = new("--warm") { Description = "Then do as `gemma2 warm` does: replicas on devices as this machine's start with compiled pipelines." };
        Option<string?> device = Shared.Device();
        Option<bool> json = Shared.Json();
        var command = new Command("push", "Store a model in blob storage. What is there already is not sent again; an interrupted push goes on where it was.")
        {
            path, name, type,
        };
        how.AddTo(command);
        command.Add(warm);
        command.Add(device);
        command.Add(json);
        how.Require(command, type);
        command.Validators.Add(result =>
        {
            if (result.GetResult(device) is not null && result.GetResult(warm) is null) result.AddError($"{device.Name} goes with --warm.");
        });
        command.SetAction(async (parse, cancellationToken) =>
        {
            string stored = parse.GetRequiredValue(name);
            QuantizeOptions? quantizing = parse.GetValue(type) is { } wanted ? await how.ReadAsync(parse, wanted, cancellationToken) : null;
            PushResult result = await PushAsync(parse.GetRequiredValue(path), stored, quantizing, cancellationToken);
            var options = new EngineOptions { Device = parse.GetValue(device), AllowSoftwareDevice = true, MaxSequences = 1 };
            WarmReport? warmed = parse.GetValue(warm) ? await WarmCommand.RunAsync(stored, options, cancellationToken) : null;
            var report = new PushReport(stored, result.FilesUploaded, result.FilesSkipped, result.BytesUploaded, warmed);
            if (parse.GetValue(json)) StandardOutput.WriteJson(report, CliJson.Document.PushReport);
            else Print(report);
        });
        return command;
    }

    private static async Task<PushResult> PushAsync(string path, string name, QuantizeOptions? quantizing, CancellationToken cancellationToken)
    {
        HubReference? reference = HubReference.Parse(path);
        using HubClient? hub = reference is null ? null : new HubClient(HubSettings.FromEnvironment());
        var store = new ModelStore(StorageConnection.FromEnvironment());
        IReadOnlyList<string> notes = [];
        PushResult result = await ProgressBar.RunAsync(quantizing is null ? "Uploading" : "Quantizing", async progress =>
        {
            IReadOnlyList<HubFile>? files = reference is null ? null : await HubFile.FindAsync(hub!, reference, cancellationToken);
            if (quantizing is not null)
            {
                IModelSource source = files is null ? ModelLocation.Open(path) : new HubModelSource(reference!.Name, files);
                return await store.PushAsync(
                    QuantizedFile, async file => notes = (await ModelQuantizer.WriteAsync(source, quantizing, file, progress, cancellationToken)).Notes, name, cancellationToken);
            }
            return files is null ? await store.PushAsync(path, name, progress, cancellationToken) : await store.PushAsync(files, name, progress, cancellationToken);
        });
        foreach (string note in notes) Console.Error.WriteLine($"gemma2: {note}");
        return result;
    }

    private static void Print(PushReport report)
    {
        Console.WriteLine($"blob:{report.Model}: {report.FilesUploaded} files sent ({Sizes.Describe(report.BytesUploaded)}), {report.FilesSkipped} were there already.");
        if (report.Warmed is { } warmed) Console.WriteLine(warmed.Describe());
    }
}

/// <summary>What <c>gemma2 push --json</c> prints.</summary>
/// <param name="Model">The model's name in storage.</param>
/// <param name="FilesUploaded">Files of which something was sent.</param>
/// <param name="FilesSkipped">Files that were there already.</param>
/// <param name="BytesUploaded">Bytes that were sent.</param>
/// <param name="Warmed">What came of <c>--warm</c>; left out without it.</param>
internal sealed record PushReport(
    string Model, int FilesUploaded, int FilesSkipped, long BytesUploaded, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] WarmReport? Warmed);
