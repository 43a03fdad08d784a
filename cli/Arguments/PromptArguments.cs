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

    /// <summary>Token ids.</summary>
    public Option<IReadOnlyList<int>?> Tokens { get; } = Values.Tokens("--tokens", "Go on from these token ids as they are; needs no tokenizer.");

    /// <summary>Adds all of them to a command; exactly one is to be given.</summary>
    public void AddTo(Command command)
    {
        command.Add(Prompt);
        command.Add(Chat);
        command.Add(Tokens);
        command.RequireOneOf(Prompt, Chat, Tokens);
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
            : ChatTemplate.Encode(tokenizer, [new ChatMessage("user", parse.GetValue(Chat)!)]);
    }
}
