namespace Gemma2.PlayedHost;

/// <summary>What the host cannot go on with; its message is one line for the user.</summary>
internal sealed class PlayedHostException(string message) : Exception(message);
