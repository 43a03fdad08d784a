namespace Gemma2.Backend.Text;

/// <summary>One turn of a conversation.</summary>
/// <param name="Role">Who speaks: <c>user</c>, or <c>assistant</c> (which Gemma calls <c>model</c>; both are taken).</param>
/// <param name="Content">What is said.</param>
public sealed record ChatMessage(string Role, string Content);
