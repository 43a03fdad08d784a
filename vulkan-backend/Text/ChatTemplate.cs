using System.Text;

namespace Gemma2.Backend.Text;

/// <summary>
/// Gemma 2's chat template, as published in its tokenizer_config.json: turns alternate between user and model, there is no system turn, content is stripped.
/// </summary>
public static class ChatTemplate
{
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
    /// <param name="messages">The turns, a user's first.</param>
    /// <param name="addGenerationPrompt">End with the opening of the model's turn, so that it answers.</param>
    /// <param name="controlTokensInContent">
    /// True: names of control tokens inside the content become these, as with Hugging Face's tokenizer. False: they stay text, so that nobody's content can
    /// begin or end a turn.
    /// </param>
    /// <exception cref="InvalidRequestException">The conversation is not one that Gemma knows; the parameter is "messages".</exception>
    public static int[] Encode(
        GemmaTokenizer tokenizer, IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt = true, bool controlTokensInContent = false)
    {
        if (!tokenizer.HasGemmasChatTemplate)
            throw Invalid("This model's chat template is not Gemma 2's, so it takes no messages; completions of plain prompts work.");
        return controlTokensInContent
            ? tokenizer.Encode(Render(messages, addGenerationPrompt), special: true)
            : EncodeTurns(tokenizer, messages, addGenerationPrompt);
    }

    /// <summary>The same tokens as of the rendered text where no content names a control token: merging never reaches past those of the template.</summary>
    private static int[] EncodeTurns(GemmaTokenizer tokenizer, IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt)
    {
        Check(messages);
        List<int> ids = [tokenizer.Bos];
        foreach (ChatMessage message in messages)
        {
            ids.Add(tokenizer.StartOfTurn);
            ids.AddRange(tokenizer.EncodeContent($"{(IsUser(message) ? "user" : "model")}\n{Strip(message.Content)}"));
            ids.Add(tokenizer.EndOfTurn);
            ids.AddRange(tokenizer.EncodeContent("\n"));
        }
        if (addGenerationPrompt)
        {
            ids.Add(tokenizer.StartOfTurn);
            ids.AddRange(tokenizer.EncodeContent("model\n"));
        }
        return [.. ids];
    }

    /// <summary>The prompt of a conversation as text, control tokens by name.</summary>
    /// <inheritdoc cref="Encode" path="/param"/>
    /// <inheritdoc cref="Encode" path="/exception"/>
    public static string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt = true)
    {
        Check(messages);
        StringBuilder prompt = new("<bos>");
        foreach (ChatMessage message in messages)
            prompt.Append("<start_of_turn>").Append(IsUser(message) ? "user" : "model").Append('\n').Append(Strip(message.Content)).Append("<end_of_turn>\n");
        return prompt.Append(addGenerationPrompt ? "<start_of_turn>model\n" : "").ToString();
    }

    private static void Check(IReadOnlyList<ChatMessage> messages)
    {
        if (messages.Count == 0) throw Invalid("messages is empty; at least one message is needed.");
        for (int i = 0; i < messages.Count; i++)
        {
            if (messages[i].Role is "system" or "developer")
                throw Invalid($"messages[{i}]: System role not supported by Gemma 2; put the instruction into the first user message.");
            if (messages[i].Role is not ("user" or "assistant" or "model"))
                throw Invalid($"messages[{i}].role is '{messages[i].Role}'; allowed are user and assistant.");
            if (IsUser(messages[i]) != (i % 2 == 0))
                throw Invalid($"messages[{i}]: Conversation roles must alternate user/assistant/user/assistant/...");
        }
    }

    private static bool IsUser(ChatMessage message) => message.Role == "user";

    private static InvalidRequestException Invalid(string message) => new("messages", message);

    /// <summary>Python's <c>str.strip</c>, which the template is defined by: it counts U+001C to U+001F as white space too.</summary>
    private static ReadOnlySpan<char> Strip(string text)
    {
        int start = 0, end = text.Length;
        while (start < end && IsWhiteSpace(text[start])) start++;
        while (end > start && IsWhiteSpace(text[end - 1])) end--;
        return text.AsSpan(start..end);
    }

    private static bool IsWhiteSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1C' and <= '\x1F';
}
