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
        var template = new ChatTemplateArgument();
        template.AddTo(command);
        command.AllowAtMostOneOf(special, chat);
        command.SetAction(async (parse, cancellationToken) =>
        {
            string path = parse.GetRequiredValue(model);
            Func<string, int[]> encode = parse.GetValue(chat)
                ? ChatEncoder(await ModelLocation.LoadChatTemplateAsync(path, template.Read(parse), cancellationToken))
                : TextEncoder(await ModelLocation.LoadTokenizerAsync(path, cancellationToken), parse.GetValue(special));
            return await JsonLines.AnswerAsync(line => JsonSerializer.Serialize(encode(line), CliJson.Lines.Int32Array), cancellationToken);
        });
        return command;
    }

    private static Func<string, int[]> TextEncoder(GemmaTokenizer tokenizer, bool special) =>
        line => tokenizer.Encode(JsonLines.Read(line, CliJson.Lines.String, "a JSON string"), special);

    private static Func<string, int[]> ChatEncoder(ChatTemplate template) => line => template.EncodeAsGiven(ReadMessages(line));

    private static ChatMessage[] ReadMessages(string line)
    {
        const string expected = "a JSON array of messages, each with role and content";
        ChatMessage?[] messages = JsonLines.Read(line, CliJson.Lines.ChatMessageArray!, expected);
        return [.. messages.Select(message => message ?? throw JsonLines.NotExpected(expected))];
    }
}
