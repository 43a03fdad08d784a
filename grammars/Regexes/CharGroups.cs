namespace Gemma2.Grammars.Regexes;

/// <summary>
/// Groups of characters that most expressions do not tell apart. Together they are the plain characters, which stand for themselves in a JSON string and are in every <c>.</c> of a
/// pattern: all but U+0000 to U+001F, the quotation mark, the backslash and two breaks of lines (U+2028, U+2029).
/// </summary>
internal static class CharGroups
{
    /// <summary>The group of the plain characters past U+007F.</summary>
    public const int NotAscii = 7;

    /// <summary>How many groups there are.</summary>
    public const int Count = 8;

    /// <summary>All groups, a bit each.</summary>
    public const int All = (1 << Count) - 1;

    private static readonly (int First, int Last)[] PlainPastAscii = [(0x80, 0x2027), (0x202A, 0xD7FF), (0xE000, 0x10FFFF)];

    /// <summary>The bytes of each group's characters, for those of ASCII.</summary>
    public static IReadOnlyList<byte[]> Ascii { get; } =
    [
        .. Enumerable.Range(0x20, 0x60).Where(value => value is not ('"' or '\\')).GroupBy(GroupOfAscii).OrderBy(group => group.Key).Select(group => group.Select(value => (byte)value).ToArray()),
    ];

    /// <summary>The bytes with which characters past U+007F begin.</summary>
    public static ByteSet Leads { get; } = ByteSet.Range(0xC2, 0xF4);

    /// <summary>The group of a character; -1 for one that is not plain.</summary>
    public static int Of(int codePoint) => codePoint switch
    {
        < 0x20 or '"' or '\\' or 0x2028 or 0x2029 => -1,
        < 0x80 => GroupOfAscii(codePoint),
        _ => NotAscii,
    };

    /// <summary>Whether some ranges of code points hold all plain characters past U+007F.</summary>
    public static bool HoldNotAscii(IReadOnlyList<(int First, int Last)> ranges) => PlainPastAscii.All(plain =>
    {
        int next = plain.First;
        while (next <= plain.Last && ranges.Where(range => range.First <= next && next <= range.Last).Select(range => (int?)range.Last).Max() is int end) next = end + 1;
        return next > plain.Last;
    });

    private static int GroupOfAscii(int value) => value switch
    {
        >= 'a' and <= 'z' => 0,
        >= 'A' and <= 'Z' => 1,
        >= '0' and <= '9' => 2,
        '_' => 3,
        '-' or '.' => 4,
        ' ' => 5,
        _ => 6,
    };
}
