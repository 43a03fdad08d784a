using Gemma2.Backend.Text.Jinja;

namespace Gemma2.Backend.Text;

/// <summary>Renders conversations by a template in Jinja, with the variables that transformers' <c>apply_chat_template</c> gives it.</summary>
internal sealed class JinjaChat
{
    // What no conversation says.
    private const string Mark = "\uE000\uE001\uE000";

    private readonly JinjaTemplate _template;
    private readonly string _origin;
    private readonly KeyValuePair<string, object?>[] _names;

    /// <param name="text">The template.</param>
    /// <param name="tokenizer">The model's vocabulary.</param>
    /// <exception cref="JinjaException">The template is not usable.</exception>
    public JinjaChat(ChatTemplateText text, GemmaTokenizer tokenizer)
    {
        (_template, _origin) = (JinjaTemplate.Parse(text.Jinja), text.Origin);
        Dictionary<string, string?> tokens = new(StringComparer.Ordinal)
        {
            ["bos_token"] = tokenizer.Piece(tokenizer.Bos),
            ["eos_token"] = tokenizer.Piece(tokenizer.Eos),
            ["unk_token"] = tokenizer.Piece(tokenizer.Unknown),
            ["pad_token"] = tokenizer.Pad == GemmaTokenizer.None ? null : tokenizer.Piece(tokenizer.Pad),
        };
        foreach ((string name, string? token) in text.Tokens) tokens[name] = token;
        _names = [.. tokens.Where(token => token.Value is not null).Select(token => new KeyValuePair<string, object?>(token.Key, JinjaText.Of(token.Value!)))];
    }

    /// <summary>The pieces of a conversation's prompt.</summary>
    /// <exception cref="InvalidRequestException">The template does not take the messages; the parameter is "messages".</exception>
    public IReadOnlyList<ChatPart> Render(IReadOnlyList<ChatMessage> messages, ChatEnding ending)
    {
        if (messages.Count == 0) throw Invalid("messages is empty; at least one message is needed.");
        if (ending != ChatEnding.ContinueLast) return Parts(Run(messages, ending));
        if (messages[^1].Role == ChatMessage.User) throw Invalid("The last message is the user's; only an answer that the assistant began can be continued.");
        return Parts(UpToLast(messages));
    }

    /// <summary>All up to the end of the last message's content, as transformers' <c>continue_final_message</c> has it.</summary>
    private JinjaText UpToLast(IReadOnlyList<ChatMessage> messages)
    {
        string content = messages[^1].Content.TrimStart(), stripped = content.TrimEnd();
        if (stripped.Length == 0)
        {
            JinjaText marked = Run([.. messages.SkipLast(1), messages[^1] with { Content = Mark }], ChatEnding.Closed);
            return marked.Value.LastIndexOf(Mark, StringComparison.Ordinal) is >= 0 and var place ? marked.Cut(0, place) : throw NotKept();
        }

        JinjaText text = Run(messages, ChatEnding.Closed);
        for (int i = text.ContentRanges.Length - 1; i >= 0; i--)
        {
            (int start, int end) = text.ContentRanges[i];
            int at = text.Value.LastIndexOf(stripped, end - 1, end - start, StringComparison.Ordinal);
            if (at < 0) continue;
            bool keepsSpace = string.CompareOrdinal(text.Value, at, content, 0, content.Length) == 0;
            return text.Cut(0, at + (keepsSpace ? content : stripped).Length);
        }
        throw NotKept();
    }

    private JinjaText Run(IReadOnlyList<ChatMessage> messages, ChatEnding ending)
    {
        KeyValuePair<string, object?>[] names =
        [
            .. _names,
            new("messages", new JinjaList([.. messages.Select(Map)])),
            new("tools", null),
            new("documents", null),
            new("add_generation_prompt", ending == ChatEnding.OpenAnswer),
            new("strftime_now", JinjaGlobals.Clock(DateTimeOffset.Now)),
        ];
        try
        {
            return _template.Render(names, JinjaLimits.For(messages.Count, messages.Sum(message => (long)message.Content.Length)));
        }
        catch (JinjaRefusalException refusal)
        {
            throw Invalid($"The model's chat template does not take these messages: {refusal.Message}");
        }
        catch (JinjaException error)
        {
            throw Invalid($"The model's chat template ({_origin}) fails with these messages: {error.Message}.");
        }
    }

    private static JinjaMap Map(ChatMessage message) => new(
    [
        new(JinjaText.Of("role"), JinjaText.Of(message.Role)),
        new(JinjaText.Of("content"), JinjaText.Of(message.Content, isContent: true)),
    ]);

    private static List<ChatPart> Parts(JinjaText text)
    {
        List<ChatPart> parts = [];
        int done = 0;
        foreach ((int start, int end) in text.ContentRanges)
        {
            if (done < start) parts.Add(new ChatPart(text.Value[done..start]));
            parts.Add(new ChatPart(text.Value[start..end], IsContent: true));
            done = end;
        }
        if (done < text.Value.Length) parts.Add(new ChatPart(text.Value[done..]));
        return parts;
    }

    private static InvalidRequestException NotKept() => Invalid("The model's chat template does not keep the last message as it is, so it cannot be continued.");

    private static InvalidRequestException Invalid(string message) => new("messages", message);
}
