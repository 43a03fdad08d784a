using System.CommandLine;
using Gemma2.Backend.Formats;
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
        Option<bool> pure = new("--pure") { Description = "Give all matrices the same type, where their rows allow it." };
        Option<bool> force = Shared.Force(), json = Shared.Json();
        var command = new Command("quantize", "Write a model as a GGUF file, its matrices in another type.") { model, output, type, pure, force, json };
        command.SetAction((parse, cancellationToken) => ModelFile.WriteAsync(
            parse.GetRequiredValue(output), parse.GetValue(force), parse.GetValue(json), "Quantizing",
            (file, progress) => ModelQuantizer.WriteAsync(
                ModelLocation.Open(parse.GetRequiredValue(model)), new QuantizeOptions(parse.GetRequiredValue(type)!.Value) { Pure = parse.GetValue(pure) }, file, progress, cancellationToken)));
        return command;
    }
}
