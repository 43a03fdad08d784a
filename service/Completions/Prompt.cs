using Gemma2.Backend.Text;

namespace Gemma2.Service.Completions;

/// <summary>What a completion goes on from.</summary>
internal abstract record Prompt
{
    private Prompt()
    {
    }

    /// <summary>Plain text.</summary>
    public sealed record Text(string Value) : Prompt;

    /// <summary>Token ids.</summary>
    public sealed record Tokens(IReadOnlyList<int> Ids) : Prompt;

    /// <summary>A conversation.</summary>
    /// <param name="Messages">At least one.</param>
    /// <param name="ContinuesLast">Whether the answer goes on with the last message, which is the assistant's, instead of beginning a new one.</param>
    public sealed record Chat(IReadOnlyList<ChatMessage> Messages, bool ContinuesLast = false) : Prompt;
}
