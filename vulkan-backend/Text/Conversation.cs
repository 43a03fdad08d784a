namespace Gemma2.Backend.Text;

/// <summary>
/// Brings the messages of a request into the form that Gemma 2 knows: turns of user and assistant in turn. Gemma 2 has no system turn, so instructions go where
/// Google's own examples put them, at the beginning of a user turn.
/// </summary>
public static class Conversation
{
    private const string Between = "\n\n";

    /// <summary>
    /// The turns of some messages. Instructions (<c>system</c>, <c>developer</c>) go in front of the next user message, or are a user's message themselves where none
    /// follows; neighbours of one role become one turn. Parts are joined by a blank line, without the white space around them; empty ones leave no trace
    /// beside others. A model's turn may come first.
    /// </summary>
    /// <exception cref="InvalidRequestException">There is no message, or one has another role; the parameter is "messages".</exception>
    public static IReadOnlyList<ChatMessage> Turns(IReadOnlyList<ChatMessage> messages)
    {
        if (messages.Count == 0) throw new InvalidRequestException("messages", "messages is empty; at least one message is needed.");
        int lastUser = LastUser(messages);
        var turns = new List<ChatMessage>();
        var instructions = new List<string>();
        for (int i = 0; i < messages.Count; i++)
        {
            (string role, string content) = (RoleOf(messages[i], i), messages[i].Content);
            if (role == ChatMessage.Instruction && i < lastUser) instructions.Add(content);
            else if (role == ChatMessage.Assistant) Add(turns, role, [content]);
            else
            {
                Add(turns, ChatMessage.User, [.. instructions, content]);
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

    private static void Add(List<ChatMessage> turns, string role, IEnumerable<string> contents)
    {
        bool joins = turns.Count > 0 && turns[^1].Role == role;
        if (joins) contents = contents.Prepend(turns[^1].Content);
        var turn = new ChatMessage(role, string.Join(Between, contents.Select(GemmaTurns.Strip).Where(content => content.Length > 0)));
        if (joins) turns[^1] = turn;
        else turns.Add(turn);
    }
}
