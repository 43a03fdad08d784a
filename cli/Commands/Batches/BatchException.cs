using Gemma2.Backend;

namespace Gemma2.Cli.Commands.Batches;

/// <summary>A batch did not do, or cannot give, what was asked for.</summary>
/// <param name="message">One line that says why.</param>
internal sealed class BatchException(string message) : Gemma2Exception(message);
