namespace Gemma2.Backend.Text;

/// <summary>A piece of a conversation's prompt.</summary>
/// <param name="Text">Its text.</param>
/// <param name="IsContent">Whether it is from a message's content, where names of control tokens are text, and not the template's own, where they are control tokens.</param>
internal readonly record struct ChatPart(string Text, bool IsContent = false);
