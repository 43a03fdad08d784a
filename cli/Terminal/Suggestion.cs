using System.CommandLine;

namespace Gemma2.Cli.Terminal;

/// <summary>What somebody may have meant who wrote a word that a command does not know.</summary>
internal static class Suggestion
{
    /// <summary>Of a longer word more letters may be wrong.</summary>
    private const int LettersAMistake = 4;

    /// <summary>The nearest command or option that may stand there; null where none is near.</summary>
    /// <param name="word">What was written.</param>
    /// <param name="command">The command that it was written to.</param>
    public static string? For(string word, Command command)
    {
        // What stands behind a '=' is the option's value.
        word = word.StartsWith('-') ? word.Split('=')[0] : word;
        (string? Name, int Distance) nearest = NamesIn(command)
            .Select(name => (Name: (string?)name, Distance: Distance(word.ToLowerInvariant(), name)))
            .OrderBy(candidate => candidate.Distance)
            .FirstOrDefault((null, int.MaxValue));
        return nearest.Distance <= Math.Max(1, word.Length / LettersAMistake) ? nearest.Name : null;
    }

    private static IEnumerable<string> NamesIn(Command command) => command.Subcommands.Where(inner => !inner.Hidden).Select(inner => inner.Name)
        .Concat(command.Options.Where(option => !option.Hidden).Select(option => option.Name))
        .Append("--help");

    /// <summary>How many letters must be left out, put in, replaced, or exchanged with their neighbour, to make one word of the other (optimal string alignment).</summary>
    private static int Distance(string from, string to)
    {
        var distance = new int[from.Length + 1, to.Length + 1];
        for (int i = 0; i <= from.Length; i++) distance[i, 0] = i;
        for (int j = 0; j <= to.Length; j++) distance[0, j] = j;
        for (int i = 1; i <= from.Length; i++)
            for (int j = 1; j <= to.Length; j++)
            {
                int replaced = distance[i - 1, j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
                distance[i, j] = Math.Min(replaced, 1 + Math.Min(distance[i - 1, j], distance[i, j - 1]));
                if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                    distance[i, j] = Math.Min(distance[i, j], distance[i - 2, j - 2] + 1);
            }
        return distance[from.Length, to.Length];
    }
}
