using System.CommandLine;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Text;

namespace Gemma2.Cli.Arguments;

/// <summary>What a model goes on from: raw text, one turn of a chat, or token ids.</summary>
internal sealed class PromptArguments
{
    /// <summary>Raw text.</summary>
    public Option<string?> Prompt { get; } = Values.Text("--prompt", "Go on from this text; the beginning-of-sequence token is put in front of it.");

    /// <summary>One user turn.</summary>
    public Option<string?> Chat { get; } = Values.Text("--chat", "Answer this message: one user turn of Gemma's chat template.");

    /// <summary>How to answer.</summary>
    public Option<string?> System { get; } = Shared.System("Say how to answer: it goes in front of the message of --chat.");

    /// <summary>Token ids.</summary>
    public Option<IReadOnlyList<int>?> Tokens { get; } = Values.Tokens("--tokens", "Go on from these token ids as they are; needs no tokenizer.");

    /// <summary>Adds all of them to a command; exactly one is to be given.</summary>
    public void AddTo(Command command)
    {
        command.Add(Prompt);
        command.Add(Chat);
        command.Add(System);
        command.Add(Tokens);
        command.RequireOneOf(Prompt, Chat, Tokens);
        command.Validators.Add(result =>
        {
            if (result.GetResult(System) is not null && result.GetResult(Chat) is null) result.AddError($"{System.Name} goes with {Chat.Name} only.");
        });
    }

    /// <summary>The prompt's tokens in the vocabulary of a model.</summary>
    /// <exception cref="ModelException">The prompt is text and the model has no tokenizer.</exception>
    public IReadOnlyList<int> Encode(ParseResult parse, IInferenceEngine engine)
    {
        if (parse.GetValue(Tokens) is { } tokens) return tokens;
        GemmaTokenizer tokenizer = engine.Tokenizer
            ?? throw new ModelException($"{engine.ModelName} has no tokenizer.model, nor a vocabulary in a GGUF file, so text cannot be read; give --tokens.");
        return parse.GetValue(Prompt) is { } prompt
            ? [engine.Config.BeginToken, .. tokenizer.Encode(prompt)]
            : engine.ChatTemplate!.Encode(Messages(parse));
    }

    private IReadOnlyList<ChatMessage> Messages(ParseResult parse)
    {
        var message = new ChatMessage(ChatMessage.User, parse.GetValue(Chat)!);
        return parse.GetValue(System) is { } system ? [new ChatMessage(ChatMessage.Instruction, system), message] : [message];
    }
}
