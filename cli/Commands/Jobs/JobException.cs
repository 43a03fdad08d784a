using Gemma2.Backend;

namespace Gemma2.Cli.Commands.Jobs;

/// <summary>A job did not do, or cannot give, what was asked for.</summary>
/// <param name="message">One line that says why.</param>
internal sealed class JobException(string message) : Gemma2Exception(message);
