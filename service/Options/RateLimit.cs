using System.Globalization;

namespace Gemma2.Service.Options;

/// <summary>How much a key may ask for within a minute; 0 means as much as it likes.</summary>
/// <param name="Requests">Calls of <c>/v1</c>.</param>
/// <param name="Tokens">Tokens of prompts and answers of completions and jobs.</param>
internal readonly record struct RateLimit(int Requests, int Tokens)
{
    /// <summary>The most that can be set, for either.</summary>
    public const int Most = 10_000_000;

    /// <summary>What a list of limits looks like, for messages.</summary>
    public static readonly string Allowed = string.Create(
        CultureInfo.InvariantCulture, $"NAME=REQUESTS/TOKENS, separated by single commas, each name once and one of Gemma2__ApiKeys; numbers from 0 (no limit) to {Most}");

    /// <summary>Reads a list of limits; null when it is not <see cref="Allowed"/>.</summary>
    /// <param name="list">The list.</param>
    /// <param name="names">The names that there are.</param>
    public static IReadOnlyDictionary<string, RateLimit>? TryParseList(string list, IReadOnlySet<string> names)
    {
        var limits = new Dictionary<string, RateLimit>();
        foreach (string entry in list.Split(',', StringSplitOptions.TrimEntries))
        {
            string[] parts = entry.Split('=', '/');
            if (parts.Length != 3 || entry.IndexOf('=', StringComparison.Ordinal) > entry.IndexOf('/', StringComparison.Ordinal)
                || !names.Contains(parts[0]) || !TryParse(parts[1], out int requests) || !TryParse(parts[2], out int tokens)
                || !limits.TryAdd(parts[0], new RateLimit(requests, tokens)))
                return null;
        }
        return limits;
    }

    private static bool TryParse(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number <= Most;
}
