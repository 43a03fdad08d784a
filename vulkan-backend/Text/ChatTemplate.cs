namespace Gemma2.Backend.Text;

/// <summary>
/// Gemma 2's chat template, as published in its tokenizer_config.json: turns alternate between user and model, there is no system turn, content is stripped.
/// </summary>
public static class ChatTemplate
{
    private const string StartOfTurn = "<start_of_turn>";
    private const string EndOfTurn = "<end_of_turn>";

    /// <summary>The template as Google publishes it, in Jinja.</summary>
    internal const string Jinja =
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        + "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        + "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
        + "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
        + "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
        + "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}";

    /// <summary>Whether a template that came with a model is the one that <see cref="Render"/> follows.</summary>
    /// <param name="jinja">The template; line breaks in its texts may be written as such or as <c>\n</c>.</param>
    public static bool IsGemmas(string jinja) => jinja.Replace("\\n", "\n").Trim() == Jinja;

    /// <summary>The prompt tokens of a conversation, <c>&lt;bos&gt;</c> first.</summary>
    /// <param name="tokenizer">The model's vocabulary.</param>
    /// <param name="turns">At least one, of user and assistant (or model); <see cref="Conversation.Turns"/> makes them of other messages.</param>
    /// <param name="ending">How it ends.</param>
    /// <param name="controlTokensInContent">
    /// True: names of control tokens inside the content become these, as with Hugging Face's tokenizer. False: they stay text, so that nobody's content can
    /// begin or end a turn.
    /// </param>
    /// <exception cref="InvalidRequestException">The model has another template, or a turn is of nobody whom it knows; the parameter is "messages".</exception>
    public static int[] Encode(
        GemmaTokenizer tokenizer, IReadOnlyList<ChatMessage> turns, ChatEnding ending = ChatEnding.OpenAnswer, bool controlTokensInContent = false)
    {
        if (!tokenizer.HasGemmasChatTemplate)
            throw Invalid("This model's chat template is not Gemma 2's, so it takes no messages; completions of plain prompts work.");
        if (controlTokensInContent) return tokenizer.Encode(Render(turns, ending), special: true);

        // The same tokens as of the rendered text where no content names a control token: merging never reaches past those of the template.
        List<int> ids = [];
        foreach (Part part in Parts(turns, ending))
            if (part.IsControl) ids.Add(tokenizer.Control(part.Text));
            else ids.AddRange(tokenizer.EncodeContent(part.Text));
        return [.. ids];
    }

    /// <summary>The prompt of a conversation as text, control tokens by name.</summary>
    /// <inheritdoc cref="Encode" path="/param"/>
    /// <inheritdoc cref="Encode" path="/exception"/>
    public static string Render(IReadOnlyList<ChatMessage> turns, ChatEnding ending = ChatEnding.OpenAnswer) =>
        string.Concat(Parts(turns, ending).Select(part => part.Text));

    /// <summary>Refuses what Google's template refuses, in its words: a system turn, and turns that are not user's and assistant's in turn.</summary>
    /// <exception cref="InvalidRequestException">The parameter is "messages".</exception>
    public static void RequireAlternation(IReadOnlyList<ChatMessage> turns)
    {
        for (int i = 0; i < turns.Count; i++)
        {
            if (turns[i].Role is "system" or "developer")
                throw Invalid($"messages[{i}]: System role not supported by Gemma 2; put the instruction into the first user message.");
            if (IsUser(turns[i], i) != (i % 2 == 0))
                throw Invalid($"messages[{i}]: Conversation roles must alternate user/assistant/user/assistant/...");
        }
    }

    private static IEnumerable<Part> Parts(IReadOnlyList<ChatMessage> turns, ChatEnding ending)
    {
        if (turns.Count == 0) throw Invalid("messages is empty; at least one message is needed.");
        if (ending == ChatEnding.ContinueLast && IsUser(turns[^1], turns.Count - 1))
            throw Invalid("The last message is the user's; only an answer that the assistant began can be continued.");
        yield return new Part("<bos>", true);
        for (int i = 0; i < turns.Count; i++)
        {
            yield return new Part(StartOfTurn, true);
            yield return new Part($"{(IsUser(turns[i], i) ? "user" : "model")}\n{Strip(turns[i].Content)}");
            if (ending == ChatEnding.ContinueLast && i == turns.Count - 1) yield break;
            yield return new Part(EndOfTurn, true);
            yield return new Part("\n");
        }

        if (ending != ChatEnding.OpenAnswer) yield break;
        yield return new Part(StartOfTurn, true);
        yield return new Part("model\n");
    }

    private static bool IsUser(ChatMessage turn, int index) => turn.Role switch
    {
        ChatMessage.User => true,
        ChatMessage.Assistant or "model" => false,
        _ => throw Invalid($"messages[{index}].role is '{turn.Role}'; allowed are user and assistant."),
    };

    private static InvalidRequestException Invalid(string message) => new("messages", message);

    /// <summary>Python's <c>str.strip</c>, which the template is defined by: it counts U+001C to U+001F as white space too.</summary>
    internal static string Strip(string text)
    {
        int start = 0, end = text.Length;
        while (start < end && IsWhiteSpace(text[start])) start++;
        while (end > start && IsWhiteSpace(text[end - 1])) end--;
        return text[start..end];
    }

    private static bool IsWhiteSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1C' and <= '\x1F';

    /// <summary>A piece of the prompt: a control token's name, or text between two of them.</summary>
    private readonly record struct Part(string Text, bool IsControl = false);
}
