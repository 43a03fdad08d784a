using Gemma2.Backend.Text;

namespace Gemma2.Cli.Chat;

/// <summary>What was said so far.</summary>
/// <param name="instruction">How to answer; null where nobody said.</param>
internal sealed class ChatSession(string? instruction)
{
    private readonly List<ChatMessage> _messages = [];

    /// <summary>How to answer; a change holds for what is asked from then on.</summary>
    public string? Instruction { get; set; } = instruction;

    /// <summary>True where an answer can be made anew.</summary>
    public bool HasQuestion => _messages.Exists(message => message.Role == ChatMessage.User);

    /// <summary>What the model gets.</summary>
    /// <param name="first">What it is told before all else; null for nothing.</param>
    public IReadOnlyList<ChatMessage> Messages(ChatMessage? first)
    {
        IEnumerable<ChatMessage> messages = Instruction is null ? _messages : _messages.Prepend(new ChatMessage(ChatMessage.Instruction, Instruction));
        return [.. first is null ? messages : messages.Prepend(first)];
    }

    /// <summary>The user says something.</summary>
    public void Ask(string text) => _messages.Add(new ChatMessage(ChatMessage.User, text));

    /// <summary>The model has answered.</summary>
    public void Answer(string text) => _messages.Add(new ChatMessage(ChatMessage.Assistant, text));

    /// <summary>Takes back the answer to the last question, so that it can be made anew.</summary>
    public void TakeBackAnswer()
    {
        while (_messages.Count > 0 && _messages[^1].Role != ChatMessage.User) _messages.RemoveAt(_messages.Count - 1);
    }

    /// <summary>Takes back the last question and its answer.</summary>
    public void TakeBackQuestion()
    {
        TakeBackAnswer();
        if (_messages.Count > 0) _messages.RemoveAt(_messages.Count - 1);
    }

    /// <summary>Forgets all that was said, but not how to answer.</summary>
    public void Clear() => _messages.Clear();
}
