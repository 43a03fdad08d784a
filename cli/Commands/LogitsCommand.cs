using System.CommandLine;
using System.Runtime.InteropServices;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Models;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 logits</c>: the logits after each of several token sequences, for comparisons with other implementations.</summary>
internal static class LogitsCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> model = Shared.Model();
        Option<string?> input = Values.Text("--tokens-file", "Token ids with commas between them; each line is a sequence of its own.", "IN");
        Option<string?> output = Values.Text("--out", "Gets the logits after each line's last token: little-endian float32, [lines, vocabulary].", "OUT");
        input.Required = output.Required = true;
        var engine = new EngineArguments();
        var command = new Command("logits", "Write the logits (after the softcap) that follow each of several token sequences.") { model, input, output };
        engine.AddTo(command);
        command.SetAction((parse, cancellationToken) => RunAsync(
            parse.GetRequiredValue(model), parse.GetRequiredValue(input)!, parse.GetRequiredValue(output)!, engine.Read(parse), cancellationToken));
        return command;
    }

    private static async Task RunAsync(string model, string input, string output, EngineOptions options, CancellationToken cancellationToken)
    {
        IReadOnlyList<IReadOnlyList<int>> sequences = await ReadAsync(input, cancellationToken);
        await using InferenceEngine engine = await EngineLoader.LoadAsync(model, options, cancellationToken);
        await AtomicFile.WriteAsync(output, async file =>
        {
            foreach ((int index, IReadOnlyList<int> tokens) in sequences.Index())
            {
                float[] logits = await ComputeAsync(engine, tokens, $"{input}, line {index + 1}", cancellationToken);
                file.Write(MemoryMarshal.AsBytes(logits.AsSpan()));
            }
        });
    }

    private static async Task<IReadOnlyList<IReadOnlyList<int>>> ReadAsync(string path, CancellationToken cancellationToken)
    {
        var sequences = new List<IReadOnlyList<int>>();
        await foreach (string line in File.ReadLinesAsync(path, cancellationToken))
        {
            if (!TokenIds.TryParse(line, out IReadOnlyList<int> tokens))
                throw new InvalidRequestException(null, $"{path}, line {sequences.Count + 1}: allowed are token ids (0 or more) with commas between them.");
            sequences.Add(tokens);
        }
        return sequences.Count > 0 ? sequences : throw new InvalidRequestException(null, $"{path} is empty.");
    }

    private static async Task<float[]> ComputeAsync(InferenceEngine engine, IReadOnlyList<int> tokens, string where, CancellationToken cancellationToken)
    {
        try
        {
            return await engine.ComputeLogitsAsync(tokens, cancellationToken);
        }
        catch (InvalidRequestException error)
        {
            throw new InvalidRequestException(null, $"{where}: {error.Message}");
        }
    }
}
