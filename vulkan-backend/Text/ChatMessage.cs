namespace Gemma2.Backend.Text;

/// <summary>One message of a conversation.</summary>
/// <param name="Role">Who speaks: <c>user</c>, or <c>assistant</c> (which Gemma calls <c>model</c>; both are taken).</param>
/// <param name="Content">What is said.</param>
public sealed record ChatMessage(string Role, string Content)
{
    /// <summary>The role of who asks.</summary>
    public const string User = "user";

    /// <summary>The role of the model.</summary>
    public const string Assistant = "assistant";

    /// <summary>The role of who says how to answer: <see cref="Conversation"/> knows it, the template does not.</summary>
    public const string Instruction = "system";
}
