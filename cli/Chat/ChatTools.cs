using Gemma2.Backend.Decoding;
using Gemma2.Backend.Text;
using Gemma2.Grammars;
using Gemma2.Grammars.Masks;
using Gemma2.Grammars.Tools;

namespace Gemma2.Cli.Chat;

/// <summary>The functions that the model may call in a chat. Whoever sits at the terminal plays them.</summary>
internal sealed class ChatTools
{
    private readonly Grammar _grammar;
    private readonly TokenTrie _tokens;
    private readonly IReadOnlyList<int> _endTokens;
    private readonly Queue<string> _waiting = new();

    /// <param name="tools">The functions; at least one.</param>
    /// <param name="tokenizer">The model's vocabulary.</param>
    /// <param name="endTokens">What ends an answer.</param>
    /// <exception cref="GrammarException">A schema of their arguments cannot be used.</exception>
    public ChatTools(IReadOnlyList<Tool> tools, GemmaTokenizer tokenizer, IReadOnlyList<int> endTokens)
    {
        Instruction = new ChatMessage(ChatMessage.Instruction, ToolPrompt.Of(tools, ToolPrompt.Default));
        _grammar = Grammar.Compile(ToolSyntax.Grammar(tools, ToolUse.Auto, isParallel: true, reply: null));
        _tokens = new TokenTrie(tokenizer);
        _endTokens = endTokens;
    }

    /// <summary>Tells the model about them.</summary>
    public ChatMessage Instruction { get; }

    /// <summary>The function whose result is awaited; null when none is.</summary>
    public string? Waiting => _waiting.TryPeek(out string? name) ? name : null;

    /// <summary>Holds one answer to the form of a reply or of calls.</summary>
    public ITokenMask Mask() => new GrammarMask(_grammar, _tokens, _endTokens);

    /// <summary>Looks for calls in an answer: their results are awaited from then on, and those of others are not.</summary>
    public void Answered(string answer)
    {
        _waiting.Clear();
        foreach (ToolDelta.CallStart call in new ToolCallReader().Append(answer).OfType<ToolDelta.CallStart>()) _waiting.Enqueue(call.Name);
    }

    /// <summary>The message of the awaited result.</summary>
    public string Result(string content) => ToolSyntax.Response(_waiting.Dequeue(), content);
}
