using Gemma2.Backend;

namespace Gemma2.Cli.Startups;

/// <summary>There is no start-up timeline where one was looked for.</summary>
/// <param name="message">One line that says why.</param>
internal sealed class StartupException(string message) : Gemma2Exception(message);
