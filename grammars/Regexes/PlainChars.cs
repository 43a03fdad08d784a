namespace Gemma2.Grammars.Regexes;

/// <summary>
/// Sets of characters that most expressions do not tell apart: plain characters stand for themselves in a JSON string and are in every <c>.</c> of a pattern.
/// Only U+0000 to U+001F, the quotation mark, the backslash and two breaks of lines (U+2028, U+2029) are not plain.
/// </summary>
internal sealed class PlainChars
{
    private readonly (int First, int Last)[] _ranges;

    private PlainChars(int index, (int First, int Last)[] ranges, ByteSet leads) => (Index, _ranges, Leads) = (index, ranges, leads);

    /// <summary>All plain characters.</summary>
    public static PlainChars All { get; } = new(
        0, [(0x20, 0x21), (0x23, 0x5B), (0x5D, 0x2027), (0x202A, 0xD7FF), (0xE000, 0x10FFFF)], ByteSet.Range(0x20, 0x7F) & ~ByteSet.Of((byte)'"', (byte)'\\') | ByteSet.Range(0xC2, 0xF4));

    /// <summary>Those past U+007F.</summary>
    public static PlainChars NotAscii { get; } = new(1, [(0x80, 0x2027), (0x202A, 0xD7FF), (0xE000, 0x10FFFF)], ByteSet.Range(0xC2, 0xF4));

    /// <summary>All sets.</summary>
    public static IReadOnlyList<PlainChars> Sets { get; } = [All, NotAscii];

    /// <summary>Its place in <see cref="Sets"/>.</summary>
    public int Index { get; }

    /// <summary>The bytes with which these characters begin.</summary>
    public ByteSet Leads { get; }

    /// <summary>Whether some ranges of code points hold all of them.</summary>
    public bool AreIn(IReadOnlyList<(int First, int Last)> ranges)
    {
        foreach ((int first, int last) in _ranges)
        {
            int next = first;
            while (next <= last && ranges.Where(range => range.First <= next && next <= range.Last).Select(range => (int?)range.Last).Max() is int end)
            {
                next = end + 1;
                if (next is >= 0xD800 and <= 0xDFFF) next = 0xE000;
            }

            if (next <= last) return false;
        }

        return true;
    }

    /// <summary>Whether a code point is one of them.</summary>
    public bool Contains(int codePoint) => _ranges.Any(range => range.First <= codePoint && codePoint <= range.Last);
}
