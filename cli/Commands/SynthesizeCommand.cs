using System.CommandLine;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats.Synthesis;
using Gemma2.Backend.Tensors;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Models;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 synthesize</c>: random weights in a real shape, as GGUF.</summary>
internal static class SynthesizeCommand
{
    private static readonly IReadOnlyDictionary<string, Gemma2Config> Shapes =
        new Dictionary<string, Gemma2Config>(Gemma2Shapes.Published) { ["tiny"] = Gemma2Shapes.Tiny };

    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> shape = new("SHAPE") { Description = $"One of {string.Join(", ", Shapes.Keys)}." };
        shape.AcceptOnlyFromAmong([.. Shapes.Keys]);
        Argument<string> output = Shared.NewFile();
        Option<WeightType?> type = Shared.WeightType("How most matrices are stored (without it: q8_0); as in llama.cpp's presets, some get more bits.");
        Option<ulong?> seed = Values.Number<ulong>("--seed", "Which of the possible models (without it: 0).", "a whole number, 0 or more", _ => true);
        Option<bool> force = Shared.Force(), json = Shared.Json();
        var command = new Command("synthesize", "Write a model of random weights as a GGUF file, for measurements and tests.") { shape, output, type, seed, force, json };
        command.SetAction((parse, cancellationToken) =>
        {
            string name = parse.GetRequiredValue(shape);
            return WrittenModelFile.WriteAsync(parse.GetRequiredValue(output), parse.GetValue(force), parse.GetValue(json), "Synthesizing", (file, progress) => Task.Run(
                () => ModelSynthesizer.Write(
                    $"synthetic-{name}", Shapes[name], parse.GetValue(type) ?? WeightType.Q8_0, parse.GetValue(seed) ?? 0, file, progress, cancellationToken),
                cancellationToken));
        });
        return command;
    }
}
