using System.CommandLine;
using System.Text.Json;
using Gemma2.Backend.Text;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Models;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 detokenize</c>: token ids on stdin, JSON texts on stdout, line by line.</summary>
internal static class DetokenizeCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> model = Shared.Model("A Hugging Face folder, a .gguf file, blob:NAME, or a bare tokenizer.model.");
        var command = new Command("detokenize", "Answer each line of stdin, one JSON array of token ids, with one JSON string.") { model };
        command.SetAction(async (parse, cancellationToken) =>
        {
            GemmaTokenizer tokenizer = await ModelLocation.LoadTokenizerAsync(parse.GetRequiredValue(model), cancellationToken);
            return await JsonLines.AnswerAsync(line => JsonSerializer.Serialize(tokenizer.Decode(ReadIds(line)), CliJson.Lines.String), cancellationToken);
        });
        return command;
    }

    private static int[] ReadIds(string line) => JsonLines.Read(line, CliJson.Lines.Int32Array, "a JSON array of token ids");
}
