using System.CommandLine;
using System.Text.Json;
using Gemma2.Backend.Text;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Models;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 tokenize</c>: JSON texts on stdin, token ids on stdout, line by line.</summary>
internal static class TokenizeCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> model = Shared.Model("A Hugging Face folder, a .gguf file, blob:NAME, or a bare tokenizer.model.");
        Option<bool> special = new("--special") { Description = "The names of control tokens in a text (<bos> ...) become their ids." };
        Option<bool> chat = new("--chat") { Description = "Lines are arrays of chat messages: {\"role\": ..., \"content\": ...}." };
        var command = new Command("tokenize", "Answer each line of stdin, one JSON string, with one JSON array of token ids.") { model, special, chat };
        command.AllowAtMostOneOf(special, chat);
        command.SetAction(async (parse, cancellationToken) =>
        {
            GemmaTokenizer tokenizer = await ModelLocation.LoadTokenizerAsync(parse.GetRequiredValue(model), cancellationToken);
            bool isChat = parse.GetValue(chat), isSpecial = parse.GetValue(special);
            Func<string, int[]> encode = isChat ? line => EncodeChat(tokenizer, line) : line => tokenizer.Encode(ReadText(line), isSpecial);
            return await JsonLines.AnswerAsync(line => JsonSerializer.Serialize(encode(line), CliJson.Lines.Int32Array), cancellationToken);
        });
        return command;
    }

    private static string ReadText(string line) => JsonLines.Read(line, CliJson.Lines.String, "a JSON string");

    private static int[] EncodeChat(GemmaTokenizer tokenizer, string line)
    {
        const string expected = "a JSON array of messages, each with role and content";
        ChatMessage?[] messages = JsonLines.Read(line, CliJson.Lines.ChatMessageArray!, expected);
        ChatMessage[] turns = [.. messages.Select(message => message ?? throw JsonLines.NotExpected(expected))];
        ChatTemplate.RequireAlternation(turns);
        return ChatTemplate.Encode(tokenizer, turns, controlTokensInContent: true);
    }
}
