using System.Globalization;

namespace Gemma2.Cli.Arguments;

/// <summary>Token ids as people write them: decimal numbers with commas between them.</summary>
internal static class TokenIds
{
    /// <summary>Reads "2,4,17"; white space around an id does not matter. False for an empty list or anything that is not an id.</summary>
    public static bool TryParse(string text, out IReadOnlyList<int> ids)
    {
        string[] parts = text.Split(',');
        var parsed = new int[parts.Length];
        ids = parsed;
        for (int i = 0; i < parts.Length; i++)
            if (!int.TryParse(parts[i].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out parsed[i])) return false;
        return true;
    }
}
