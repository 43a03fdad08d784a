namespace Gemma2.Backend.Text;

/// <summary>
/// Brings the messages of a request into the form that a model's template knows. Gemma 2's own has turns of user and assistant in turn, and no system turn, so
/// instructions go where Google's own examples put them, at the beginning of a user turn. What a template takes goes through as it is.
/// </summary>
public static class Conversation
{
    private const string Between = "\n\n";

    /// <summary>
    /// The turns of some messages. Instructions (<c>system</c>, <c>developer</c>) go in front of the next user message, or are a user's message themselves where none
    /// follows; neighbours of one role become one turn. Parts are joined by a blank line, without the white space around them; empty ones leave no trace
    /// beside others. A model's turn may come first. All that the rules take goes through as it is.
    /// </summary>
    /// <param name="messages">At least one.</param>
    /// <param name="rules">Which messages the template takes as they are; null for those of Gemma 2's own.</param>
    /// <exception cref="InvalidRequestException">There is no message, or one has another role; the parameter is "messages".</exception>
    internal static IReadOnlyList<ChatMessage> Turns(IReadOnlyList<ChatMessage> messages, ChatRules? rules = null)
    {
        if (messages.Count == 0) throw new InvalidRequestException("messages", "messages is empty; at least one message is needed.");
        rules ??= ChatRules.Gemma;
        int lastUser = LastUser(messages);
        var turns = new List<ChatMessage>();
        var instructions = new List<string>();
        for (int i = 0; i < messages.Count; i++)
        {
            (string role, string content) = (RoleOf(messages[i], i), messages[i].Content);
            if (role == ChatMessage.Instruction && (rules.TakesLaterSystem || (rules.TakesSystem && turns.Count == 0))) turns.Add(new ChatMessage(role, content));
            else if (role == ChatMessage.Instruction && rules.TakesSystem && turns is [{ Role: ChatMessage.Instruction }]) Join(turns, content);
            else if (role == ChatMessage.Instruction && i < lastUser) instructions.Add(content);
            else if (role == ChatMessage.Assistant) Add(turns, role, [content], rules);
            else
            {
                Add(turns, ChatMessage.User, [.. instructions, content], rules);
                instructions.Clear();
            }
        }

        return turns;
    }

    private static int LastUser(IReadOnlyList<ChatMessage> messages)
    {
        int last = messages.Count - 1;
        while (last >= 0 && messages[last].Role != ChatMessage.User) last--;
        return last;
    }

    private static string RoleOf(ChatMessage message, int index) => message.Role switch
    {
        ChatMessage.User => ChatMessage.User,
        ChatMessage.Assistant or "model" => ChatMessage.Assistant,
        ChatMessage.Instruction or "developer" => ChatMessage.Instruction,
        _ => throw new InvalidRequestException(
            "messages", $"messages[{index}].role is '{message.Role}'; allowed are user, assistant, system and developer."),
    };

    private static void Add(List<ChatMessage> turns, string role, string[] contents, ChatRules rules)
    {
        string content = contents is [var only] ? only : Joined(contents);
        if (rules.Alternates && turns.Count > 0 && turns[^1].Role == role) Join(turns, content);
        else turns.Add(new ChatMessage(role, content));
    }

    private static void Join(List<ChatMessage> turns, string content) => turns[^1] = turns[^1] with { Content = Joined([turns[^1].Content, content]) };

    private static string Joined(IEnumerable<string> contents) => string.Join(Between, contents.Select(GemmaTurns.Strip).Where(content => content.Length > 0));
}
