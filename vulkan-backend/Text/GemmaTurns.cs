namespace Gemma2.Backend.Text;

/// <summary>
/// What Gemma 2's own chat template makes, as published in its tokenizer_config.json: turns alternate between user and model, there is no system turn, content is
/// stripped.
/// </summary>
internal static class GemmaTurns
{
    private const string StartOfTurn = "<start_of_turn>";
    private const string EndOfTurn = "<end_of_turn>";

    /// <summary>The template as Google publishes it, in Jinja.</summary>
    public const string Jinja =
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        + "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        + "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
        + "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
        + "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
        + "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}";

    /// <summary>Whether a template that came with a model is the one that this follows.</summary>
    /// <param name="jinja">The template; line breaks in its texts may be written as such or as <c>\n</c>.</param>
    public static bool IsGemmas(string jinja) => jinja.Replace("\\n", "\n").Trim() == Jinja;

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

    /// <summary>The pieces of a prompt, in their order.</summary>
    /// <param name="turns">At least one, of user and assistant (or model); <see cref="Conversation.Turns"/> makes them of other messages.</param>
    /// <param name="ending">How it ends.</param>
    /// <exception cref="InvalidRequestException">A turn is of nobody whom the template knows; the parameter is "messages".</exception>
    public static IEnumerable<ChatPart> Parts(IReadOnlyList<ChatMessage> turns, ChatEnding ending)
    {
        if (turns.Count == 0) throw Invalid("messages is empty; at least one message is needed.");
        if (ending == ChatEnding.ContinueLast && IsUser(turns[^1], turns.Count - 1))
            throw Invalid("The last message is the user's; only an answer that the assistant began can be continued.");
        yield return new ChatPart("<bos>");
        for (int i = 0; i < turns.Count; i++)
        {
            yield return new ChatPart($"{StartOfTurn}{(IsUser(turns[i], i) ? "user" : "model")}\n");
            yield return new ChatPart(Strip(turns[i].Content), IsContent: true);
            if (ending == ChatEnding.ContinueLast && i == turns.Count - 1) yield break;
            yield return new ChatPart($"{EndOfTurn}\n");
        }

        if (ending == ChatEnding.OpenAnswer) yield return new ChatPart($"{StartOfTurn}model\n");
    }

    private static bool IsUser(ChatMessage turn, int index) => turn.Role switch
    {
        ChatMessage.User => true,
        ChatMessage.Assistant or "model" => false,
        _ => throw Invalid($"messages[{index}].role is '{turn.Role}'; allowed are user and assistant."),
    };

    private static InvalidRequestException Invalid(string message) => new("messages", message);

    /// <summary>Python's <c>str.strip</c>, which the template is defined by: it counts U+001C to U+001F as white space too.</summary>
    public static string Strip(string text)
    {
        int start = 0, end = text.Length;
        while (start < end && IsWhiteSpace(text[start])) start++;
        while (end > start && IsWhiteSpace(text[end - 1])) end--;
        return text[start..end];
    }

    private static bool IsWhiteSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1C' and <= '\x1F';
}
