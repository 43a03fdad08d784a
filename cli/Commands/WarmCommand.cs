using System.CommandLine;
using Gemma2.Backend.Engine;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Models;
using Gemma2.Cli.Terminal;
using Gemma2.Storage;
using Gemma2.Storage.Pipelines;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 warm</c>: what this machine's driver compiles for a stored model, stored for replicas on the same device.</summary>
internal static class WarmCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> name = Shared.StoredModel();
        var engine = new EngineArguments();
        Option<bool> json = Shared.Json();
        var command = new Command("warm", "Compile the pipelines of a model in blob storage on this machine's device, and store them: replicas on such devices, of the same build, start with them.") { name };
        engine.AddTo(command);
        command.Add(json);
        command.SetAction(async (parse, cancellationToken) =>
        {
            WarmReport report = await RunAsync(parse.GetRequiredValue(name), engine.Read(parse), cancellationToken);
            if (parse.GetValue(json)) StandardOutput.WriteJson(report, CliJson.Document.WarmReport);
            else Console.WriteLine(report.Describe());
        });
        return command;
    }

    /// <summary>Loads a stored model, and stores what was compiled for it.</summary>
    /// <param name="name">The model's name in storage.</param>
    /// <param name="options">On which device, and how.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="Backend.Gemma2Exception">The model, the device or storage cannot be used.</exception>
    public static async Task<WarmReport> RunAsync(string name, EngineOptions options, CancellationToken cancellationToken)
    {
        var store = new PipelineStore(StorageConnection.FromEnvironment());
        EngineOptions warm = options with { Pipelines = options.Pipelines with { CompileAll = true, Store = store } };
        await using InferenceEngine engine = await EngineLoader.LoadAsync($"blob:{name}", warm, cancellationToken);
        await engine.WarmUpAsync(cancellationToken);
        return new WarmReport(name, engine.Device.Name, await engine.SharePipelinesAsync(cancellationToken));
    }
}

/// <summary>What <c>gemma2 warm --json</c> prints.</summary>
/// <param name="Model">The model's name in storage.</param>
/// <param name="Device">The device that they were compiled for.</param>
/// <param name="BytesUploaded">Bytes of compiled pipelines that were sent; 0 where storage had them.</param>
internal sealed record WarmReport(string Model, string Device, long BytesUploaded)
{
    /// <summary>The same for a person.</summary>
    public string Describe() => BytesUploaded > 0
        ? $"blob:{Model}: compiled pipelines for {Device} stored ({Sizes.Describe(BytesUploaded)})."
        : $"blob:{Model}: compiled pipelines for {Device} were there already.";
}
