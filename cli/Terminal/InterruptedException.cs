namespace Gemma2.Cli.Terminal;

/// <summary>The user has stopped a command that only looked on; the message says what goes on without it.</summary>
/// <param name="message">One line.</param>
internal sealed class InterruptedException(string message) : OperationCanceledException(message);
