using System.Globalization;

namespace Gemma2.Grammars.Regexes;

/// <summary>The classes of characters that ECMA-262 names.</summary>
internal static class EcmaClasses
{
    private const string CategoryNames =
        "Lu,Uppercase_Letter Ll,Lowercase_Letter Lt,Titlecase_Letter Lm,Modifier_Letter Lo,Other_Letter Mn,Nonspacing_Mark Mc,Spacing_Mark Me,Enclosing_Mark "
        + "Nd,Decimal_Number Nl,Letter_Number No,Other_Number Zs,Space_Separator Zl,Line_Separator Zp,Paragraph_Separator Cc,Control Cf,Format Cs,Surrogate Co,Private_Use "
        + "Pc,Connector_Punctuation Pd,Dash_Punctuation Ps,Open_Punctuation Pe,Close_Punctuation Pi,Initial_Punctuation Pf,Final_Punctuation Po,Other_Punctuation "
        + "Sm,Math_Symbol Sc,Currency_Symbol Sk,Modifier_Symbol So,Other_Symbol Cn,Unassigned";

    private const string GroupNames = "L,Letter M,Mark N,Number Z,Separator P,Punctuation S,Symbol C,Other";

    // The names stand in the order of UnicodeCategory.
    private static readonly string[][] Categories = Split(CategoryNames);

    private static readonly string[][] Groups = Split(GroupNames);

    private static readonly Lazy<CodePoints[]> ByCategory = new(Collect);

    /// <summary><c>\d</c>.</summary>
    public static CodePoints Digits { get; } = CodePoints.Of(('0', '9'));

    /// <summary><c>\w</c>.</summary>
    public static CodePoints Words { get; } = CodePoints.Of(('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_'));

    /// <summary><c>\s</c>: white space and line ends.</summary>
    public static CodePoints Spaces { get; } = CodePoints.Of(
        ('\t', '\r'), (' ', ' '), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF));

    /// <summary><c>.</c>: all but line ends.</summary>
    public static CodePoints Dot { get; } = ~CodePoints.Of(('\n', '\n'), ('\r', '\r'), (0x2028, 0x2029));

    /// <summary>The characters of <c>\p{name}</c>: a general category by its short or long name; null where it is none.</summary>
    public static CodePoints? Property(string name)
    {
        string category = name[(name.IndexOf('=') + 1)..];
        if (category != name && name.Split('=')[0] is not ("gc" or "General_Category")) return null;
        if (category == "Any") return CodePoints.All;
        if (category == "ASCII") return CodePoints.Of((0, 0x7F));
        int index = Array.FindIndex(Categories, names => names.Contains(category, StringComparer.Ordinal));
        if (index >= 0) return ByCategory.Value[index];
        string[]? group = Array.Find(Groups, names => names.Contains(category, StringComparer.Ordinal));
        if (group is null) return null;
        return CodePoints.Of(Categories.Index().Where(c => c.Item[0][0] == group[0][0]).SelectMany(c => ByCategory.Value[c.Index].Ranges));
    }

    private static string[][] Split(string names) => [.. names.Split(' ').Select(pair => pair.Split(','))];

    private static CodePoints[] Collect()
    {
        var ranges = new List<(int First, int Last)>[Categories.Length];
        for (int i = 0; i < ranges.Length; i++) ranges[i] = [];
        for (int point = 0; point <= 0x10FFFF; point++)
        {
            List<(int First, int Last)> own = ranges[(int)CharUnicodeInfo.GetUnicodeCategory(point)];
            if (own.Count > 0 && own[^1].Last == point - 1) own[^1] = (own[^1].First, point);
            else own.Add((point, point));
        }

        return [.. ranges.Select(own => CodePoints.Of(own))];
    }
}
