using System.Text;

namespace Gemma2.Backend.Text;

/// <summary>
/// Looks for stop texts in text that comes in pieces. Text that may be the beginning of a stop text is held back. The first stop text to be complete ends the
/// text, the longest of those that end at the same place, so that the outcome does not depend on how the text was cut into pieces.
/// </summary>
internal sealed class StopMatcher(IReadOnlyList<string> stops)
{
    private readonly StringBuilder _held = new();

    /// <summary>The stop text that has appeared; null before.</summary>
    public string? Found { get; private set; }

    /// <summary>Takes more text and gives what can be shown now: all of it that lies before a stop text and cannot be part of one.</summary>
    public string Append(string text)
    {
        if (stops.Count == 0 || text.Length == 0) return text;
        string all = _held.Append(text).ToString();
        _held.Clear();
        if (FindStop(all) is { } found)
        {
            Found = found.Text;
            return all[..found.Start];
        }

        int shown = all.Length - HeldLength(all);
        _held.Append(all, shown, all.Length - shown);
        return all[..shown];
    }

    /// <summary>Gives what was held back, as no more text will come.</summary>
    public string Flush()
    {
        string text = _held.ToString();
        _held.Clear();
        return text;
    }

    private (int Start, string Text)? FindStop(string text)
    {
        (int Start, string Text)? first = null;
        foreach (string stop in stops)
        {
            int start = text.IndexOf(stop, StringComparison.Ordinal);
            if (start >= 0 && (first is not { } best || (start + stop.Length, start).CompareTo((best.Start + best.Text.Length, best.Start)) < 0)) first = (start, stop);
        }

        return first;
    }

    /// <summary>Length of the longest end of the text that a stop text begins with.</summary>
    private int HeldLength(string text)
    {
        int longest = 0;
        foreach (string stop in stops)
            for (int length = Math.Min(stop.Length - 1, text.Length); length > longest; length--)
                if (text.AsSpan().EndsWith(stop.AsSpan(0, length)))
                    longest = length;
        return longest;
    }
}
