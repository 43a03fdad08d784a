using System.Text.RegularExpressions;
using Gemma2.Backend;

namespace Gemma2.Cli.Terminal;

/// <summary>Turns an error into the one short line that a user sees.</summary>
internal static partial class ErrorText
{
    private const int LongestLine = 500;

    /// <summary>What went wrong, without a stack trace. Errors that are nobody's plan say their type, so that a report of them is useful.</summary>
    public static string Describe(Exception error) => OneLine(error switch
    {
        AggregateException { InnerException: { } inner } => Describe(inner),
        Gemma2Exception or IOException or UnauthorizedAccessException => error.Message,
        OutOfMemoryException => "out of memory",
        _ => $"unexpected {error.GetType().Name}: {error.Message}",
    });

    /// <summary>The text with every run of white space and control characters as one space, cut where it gets long.</summary>
    public static string OneLine(string text)
    {
        string line = Blank().Replace(text, " ").Trim();
        return line.Length <= LongestLine ? line : line[..LongestLine] + "...";
    }

    [GeneratedRegex(@"[\s\p{Cc}\u2028\u2029]+")]
    private static partial Regex Blank();
}
