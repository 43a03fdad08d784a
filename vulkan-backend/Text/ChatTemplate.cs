using Gemma2.Backend.Text.Jinja;

namespace Gemma2.Backend.Text;

/// <summary>How a model's conversations become prompts: by the template that came with it, or by Gemma 2's own. May be used from any thread.</summary>
public sealed class ChatTemplate
{
    /// <summary>The origin of the template of a model that came without one.</summary>
    public const string OwnOrigin = "Gemma 2's own, as the model came without one";

    private const string WhatWorks = "Completions of plain prompts work, and another template can be given with --chat-template or Gemma2__ChatTemplate.";

    private readonly GemmaTokenizer _tokenizer;
    private readonly JinjaChat? _jinja;
    private readonly Lazy<ChatEncoder> _encoder;

    private ChatTemplate(GemmaTokenizer tokenizer, ChatTemplateText text, JinjaChat? jinja = null, string? problem = null)
    {
        (_tokenizer, Text, Problem) = (tokenizer, text, problem);
        ChatProbes? probes = jinja is null ? null : new ChatProbes(jinja.Render);
        if (probes is not null && !probes.IsGemmas()) (_jinja, Rules) = (jinja, probes.Rules());
        _encoder = new Lazy<ChatEncoder>(() => new ChatEncoder(tokenizer, _jinja is null ? [] : probes!.OwnTexts()));
        EndOfTurn = problem is null ? FindEndOfTurn(probes) : null;
    }

    /// <summary>The template and where it is from.</summary>
    public ChatTemplateText Text { get; }

    /// <summary>Why no conversation can be rendered; null where it can. Plain texts are no matter of the template.</summary>
    public string? Problem { get; }

    /// <summary>Whether it makes what Gemma 2's own template makes.</summary>
    public bool IsGemmas => Problem is null && _jinja is null;

    /// <summary>Whether a system message goes through as such; else it goes in front of the next user message.</summary>
    public bool TakesSystem => Rules.TakesSystem;

    /// <summary>Whether user and assistant must speak in turn, so that neighbours of one role become one message.</summary>
    public bool Alternates => Rules.Alternates;

    /// <summary>The token that it writes behind each answer, which therefore ends one; null where that is no token of its own.</summary>
    public int? EndOfTurn { get; }

    /// <summary>Which messages it takes as they are.</summary>
    internal ChatRules Rules { get; } = ChatRules.Gemma;

    /// <summary>The template of a model. It is read and tried: what is wrong with it becomes its <see cref="Problem"/>.</summary>
    /// <param name="tokenizer">The model's vocabulary.</param>
    /// <param name="text">What came with the model; null where nothing did, which gives Gemma 2's own.</param>
    public static ChatTemplate Of(GemmaTokenizer tokenizer, ChatTemplateText? text = null)
    {
        if (text is null && tokenizer.StartOfTurn == GemmaTokenizer.None)
            return new ChatTemplate(tokenizer, new ChatTemplateText("", "none"), problem: $"The model came without a chat template, and its vocabulary has not the turns of Gemma 2's own, so it takes no messages. {WhatWorks}");
        text ??= new ChatTemplateText(GemmaTurns.Jinja, OwnOrigin);
        if (GemmaTurns.IsGemmas(text.Jinja)) return new ChatTemplate(tokenizer, text);
        try
        {
            return new ChatTemplate(tokenizer, text, new JinjaChat(text, tokenizer));
        }
        catch (JinjaException error)
        {
            return new ChatTemplate(tokenizer, text, problem: $"The model's chat template ({text.Origin}) cannot be used, so it takes no messages: {error.Message}. {WhatWorks}");
        }
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
        if (IsGemmas) GemmaTurns.RequireAlternation(messages);
        return _tokenizer.EncodePrompt(Concat(PartsAsGiven(messages, ending)));
    }

    /// <summary>The prompt as text, control tokens by name.</summary>
    /// <inheritdoc cref="Encode" path="/param"/>
    /// <inheritdoc cref="Encode" path="/exception"/>
    public string Render(IReadOnlyList<ChatMessage> messages, ChatEnding ending = ChatEnding.OpenAnswer) => Concat(Parts(messages, ending));

    private static string Concat(IEnumerable<ChatPart> parts) => string.Concat(parts.Select(part => part.Text));

    private IEnumerable<ChatPart> Parts(IReadOnlyList<ChatMessage> messages, ChatEnding ending) => PartsAsGiven(Conversation.Turns(messages, Rules), ending);

    private IEnumerable<ChatPart> PartsAsGiven(IReadOnlyList<ChatMessage> messages, ChatEnding ending)
    {
        if (Problem is not null) throw new InvalidRequestException("messages", Problem);
        return _jinja is null ? GemmaTurns.Parts(messages, ending) : _jinja.Render(messages, ending);
    }

    private int? FindEndOfTurn(ChatProbes? probes)
    {
        if (_jinja is null) return _tokenizer.EndOfTurn == GemmaTokenizer.None ? null : _tokenizer.EndOfTurn;
        string? after = probes!.AfterAnswer()?.TrimStart();
        if (string.IsNullOrEmpty(after) || _tokenizer.Encode(after, special: true) is not [var first, ..]) return null;
        return ChatEncoder.IsMarker(_tokenizer.Piece(first)) && first != _tokenizer.Bos && after.StartsWith(_tokenizer.Piece(first), StringComparison.Ordinal) ? first : null;
    }
}
