namespace Gemma2.Backend.Text;

/// <summary>How a model's conversations become prompts: by the template that came with it, or by Gemma 2's own. May be used from any thread.</summary>
public sealed class ChatTemplate
{
    private readonly GemmaTokenizer _tokenizer;
    private readonly Lazy<ChatEncoder> _encoder;

    private ChatTemplate(GemmaTokenizer tokenizer, ChatTemplateText text, string? problem)
    {
        (_tokenizer, Text, Problem) = (tokenizer, text, problem);
        _encoder = new Lazy<ChatEncoder>(() => new ChatEncoder(tokenizer));
    }

    /// <summary>The template and where it is from.</summary>
    public ChatTemplateText Text { get; }

    /// <summary>Why no conversation can be rendered; null where it can. Plain texts are no matter of the template.</summary>
    public string? Problem { get; }

    /// <summary>The template of a model.</summary>
    /// <param name="tokenizer">The model's vocabulary.</param>
    /// <param name="text">What came with the model; null where nothing did, which gives Gemma 2's own.</param>
    public static ChatTemplate Of(GemmaTokenizer tokenizer, ChatTemplateText? text = null)
    {
        text ??= new ChatTemplateText(GemmaTurns.Jinja, "Gemma 2's own, as the model came without one");
        string? problem = GemmaTurns.IsGemmas(text.Jinja) ? null : "This model's chat template is not Gemma 2's, so it takes no messages; completions of plain prompts work.";
        return new ChatTemplate(tokenizer, text, problem);
    }

    /// <summary>
    /// The prompt's tokens. Names of control tokens inside the content stay text, so that nobody's content can begin or end a turn. Messages that the template cannot
    /// take as they are become turns that it takes: see <see cref="Conversation"/>.
    /// </summary>
    /// <param name="messages">At least one.</param>
    /// <param name="ending">How the prompt ends.</param>
    /// <exception cref="InvalidRequestException">The template does not take the messages; the parameter is "messages".</exception>
    public int[] Encode(IReadOnlyList<ChatMessage> messages, ChatEnding ending = ChatEnding.OpenAnswer) => _encoder.Value.Encode(Parts(messages, ending));

    /// <summary>
    /// The prompt's tokens as Hugging Face's tokenizer gives them: messages go to the template as they are, which refuses what it does not take, and names of control
    /// tokens inside the content become these.
    /// </summary>
    /// <inheritdoc cref="Encode" path="/param"/>
    /// <inheritdoc cref="Encode" path="/exception"/>
    public int[] EncodeAsGiven(IReadOnlyList<ChatMessage> messages, ChatEnding ending = ChatEnding.OpenAnswer)
    {
        Check();
        GemmaTurns.RequireAlternation(messages);
        return _tokenizer.EncodePrompt(string.Concat(GemmaTurns.Parts(messages, ending).Select(part => part.Text)));
    }

    /// <summary>The prompt as text, control tokens by name.</summary>
    /// <inheritdoc cref="Encode" path="/param"/>
    /// <inheritdoc cref="Encode" path="/exception"/>
    public string Render(IReadOnlyList<ChatMessage> messages, ChatEnding ending = ChatEnding.OpenAnswer) =>
        string.Concat(Parts(messages, ending).Select(part => part.Text));

    private IEnumerable<ChatPart> Parts(IReadOnlyList<ChatMessage> messages, ChatEnding ending)
    {
        Check();
        return GemmaTurns.Parts(Conversation.Turns(messages), ending);
    }

    private void Check()
    {
        if (Problem is not null) throw new InvalidRequestException("messages", Problem);
    }
}
