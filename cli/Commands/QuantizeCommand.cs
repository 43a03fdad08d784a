using System.CommandLine;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Quantizing;
using Gemma2.Backend.Tensors;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Models;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 quantize</c>: a model in another type, as GGUF.</summary>
internal static class QuantizeCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> model = Shared.Model();
        Argument<string> output = Shared.NewFile();
        Option<WeightType?> type = Shared.WeightType("What most matrices become; as in llama.cpp's presets, some get more bits.");
        type.Required = true;
        var how = new QuantizeArguments();
        Option<bool> force = Shared.Force(), json = Shared.Json();
        var command = new Command("quantize", "Write a model as a GGUF file, its matrices in another type.") { model, output, type };
        how.AddTo(command);
        command.Add(force);
        command.Add(json);
        command.SetAction(async (parse, cancellationToken) =>
        {
            IModelSource source = ModelLocation.Open(parse.GetRequiredValue(model));
            QuantizeOptions options = await how.ReadAsync(parse, parse.GetRequiredValue(type)!.Value, cancellationToken);
            await WrittenModelFile.WriteAsync(
                parse.GetRequiredValue(output), parse.GetValue(force), parse.GetValue(json), "Quantizing",
                (file, progress) => ModelQuantizer.WriteAsync(source, options, file, progress, cancellationToken));
        });
        return command;
    }
}
