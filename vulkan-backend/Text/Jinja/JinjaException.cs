namespace Gemma2.Backend.Text.Jinja;

/// <summary>A template cannot be read, or cannot go on.</summary>
/// <param name="message">Why, a sentence without its period.</param>
/// <param name="line">The template's line; 0 where it is not known.</param>
internal sealed class JinjaException(string message, int line) : Exception(line > 0 ? $"line {line}: {message}" : message);

/// <summary>A template itself refuses what it was given, by <c>raise_exception</c>.</summary>
/// <param name="message">What it says.</param>
internal sealed class JinjaRefusalException(string message) : Exception(message);
