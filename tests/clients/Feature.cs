namespace Gemma2.Clients.Tests;

/// <summary>What each client is tried with. The scripts for node know them by these names.</summary>
internal static class Feature
{
    /// <summary>A conversation with a system message; its prompt has the tokens that the same has from any client.</summary>
    public const string Chat = "chat";

    /// <summary>An answer that fits a type.</summary>
    public const string TypedAnswer = "typed answer";

    /// <summary>A function is called, and the model told its result.</summary>
    public const string ToolCall = "tool call";

    /// <summary>An answer that comes in pieces.</summary>
    public const string Stream = "stream";

    /// <summary>The client leaves in the middle of a stream; the service notices, and goes on.</summary>
    public const string Abort = "abort";

    /// <summary>All of them.</summary>
    public static readonly string[] All = [Chat, TypedAnswer, ToolCall, Stream, Abort];
}
