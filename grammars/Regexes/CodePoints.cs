namespace Gemma2.Grammars.Regexes;

/// <summary>A set of Unicode characters: sorted ranges of code points that neither overlap nor touch; surrogates are in none.</summary>
internal sealed class CodePoints
{
    private const int FirstSurrogate = 0xD800, LastSurrogate = 0xDFFF, Last = 0x10FFFF;

    private CodePoints(IReadOnlyList<(int First, int Last)> ranges) => Ranges = ranges;

    /// <summary>Every character.</summary>
    public static CodePoints All { get; } = Of((0, Last));

    /// <summary>No character.</summary>
    public static CodePoints None { get; } = new([]);

    /// <summary>The ranges, both ends included.</summary>
    public IReadOnlyList<(int First, int Last)> Ranges { get; }

    /// <summary>Whether no character is in it.</summary>
    public bool IsEmpty => Ranges.Count == 0;

    /// <summary>The characters of some ranges, in any order.</summary>
    public static CodePoints Of(params IEnumerable<(int First, int Last)> ranges)
    {
        List<(int First, int Last)> merged = [];
        foreach ((int first, int last) in ranges.SelectMany(WithoutSurrogates).Order())
        {
            if (merged.Count > 0 && first <= merged[^1].Last + 1) merged[^1] = (merged[^1].First, Math.Max(merged[^1].Last, last));
            else merged.Add((first, last));
        }

        return new(merged);
    }

    /// <summary>The characters of a text.</summary>
    public static CodePoints OfText(string characters) => Of(characters.EnumerateRunes().Select(rune => (rune.Value, rune.Value)));

    /// <summary>The characters of either.</summary>
    public static CodePoints operator |(CodePoints left, CodePoints right) => Of(left.Ranges.Concat(right.Ranges));

    /// <summary>The characters of both.</summary>
    public static CodePoints operator &(CodePoints left, CodePoints right) => ~(~left | ~right);

    /// <summary>All other characters.</summary>
    public static CodePoints operator ~(CodePoints set)
    {
        List<(int, int)> others = [];
        int next = 0;
        foreach ((int first, int last) in set.Ranges)
        {
            if (next < first) others.Add((next, first - 1));
            next = last + 1;
        }

        if (next <= Last) others.Add((next, Last));
        return Of(others);
    }

    private static IEnumerable<(int First, int Last)> WithoutSurrogates((int First, int Last) range)
    {
        if (range.First < FirstSurrogate) yield return (range.First, Math.Min(range.Last, FirstSurrogate - 1));
        if (range.Last > LastSurrogate) yield return (Math.Max(range.First, LastSurrogate + 1), range.Last);
    }
}
