using Gemma2.Backend.Text;
using Gemma2.Grammars.Tools;

namespace Gemma2.Service.Dialects.Responses;

/// <summary>Makes items the messages of a chat. Calls that follow each other were one answer and become one again.</summary>
internal static class ItemMessages
{
    /// <summary>The messages.</summary>
    /// <param name="instructions">What comes before them; may be null.</param>
    /// <param name="items">The items; each result follows its call.</param>
    public static IReadOnlyList<ChatMessage> Of(string? instructions, IEnumerable<Item> items)
    {
        List<ChatMessage> messages = instructions is null ? [] : [new ChatMessage(ChatMessage.Instruction, instructions)];
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        var calls = new List<string>();
        foreach (Item item in items)
        {
            if (item is Item.Call call)
            {
                names[call.CallId] = call.Name;
                calls.Add(ToolSyntax.Call(call.Name, call.Arguments));
                continue;
            }
            EndCalls(messages, calls);
            messages.Add(item switch
            {
                Item.Message message => new ChatMessage(message.Role, string.Concat(message.Parts)),
                Item.Result result => new ChatMessage(ChatMessage.User, ToolSyntax.Response(names[result.CallId], result.Output)),
                _ => throw new NotSupportedException($"{item.GetType()} is no item."),
            });
        }
        EndCalls(messages, calls);
        return messages;
    }

    private static void EndCalls(List<ChatMessage> messages, List<string> calls)
    {
        if (calls.Count == 0)
            return;
        messages.Add(new ChatMessage(ChatMessage.Assistant, ToolSyntax.Calls(calls)));
        calls.Clear();
    }
}
