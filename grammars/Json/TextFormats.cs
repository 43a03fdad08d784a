namespace Gemma2.Grammars.Json;

/// <summary>The formats of strings, as regular expressions that match all of the string. Formats that are not here are annotations.</summary>
internal static class TextFormats
{
    private const string Year = "[0-9]{4}";

    // Of the years that 4 divides, those that 100 divides are leap years only where 400 does.
    private const string LeapYear = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";

    private const string MonthDay =
        "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))";

    private const string Date = $"(?:{Year}-{MonthDay}|{LeapYear}-02-29)";

    // Leap seconds are not written: whether there is one, only a table can tell.
    private const string Time = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";

    // Up to 63 letters, digits and hyphens; what Punycode stands for cannot be looked at, so no label has "--" at the third character.
    private const string Alnum = "[A-Za-z0-9]", Ldh = "[A-Za-z0-9-]";

    private const string Label = $"{Alnum}(?:{Ldh}?{Alnum}|{Ldh}(?:{Ldh}{Alnum}|(?:{Alnum}{Ldh}|-{Alnum}){Ldh}{{0,58}}{Alnum}))?";

    private const string Hostname = $"(?=.{{1,253}}$){Label}(?:\\.{Label})*";

    private const string Byte = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";

    private const string IPv4 = $"{Byte}(?:\\.{Byte}){{3}}";

    private const string Hex16 = "[0-9A-Fa-f]{1,4}";

    private const string Low32 = $"(?:{Hex16}:{Hex16}|{IPv4})";

    private const string IPv6 =
        $"(?:(?:{Hex16}:){{6}}{Low32}|::(?:{Hex16}:){{5}}{Low32}|(?:{Hex16})?::(?:{Hex16}:){{4}}{Low32}|(?:(?:{Hex16}:){{0,1}}{Hex16})?::(?:{Hex16}:){{3}}{Low32}"
        + $"|(?:(?:{Hex16}:){{0,2}}{Hex16})?::(?:{Hex16}:){{2}}{Low32}|(?:(?:{Hex16}:){{0,3}}{Hex16})?::{Hex16}:{Low32}|(?:(?:{Hex16}:){{0,4}}{Hex16})?::{Low32}"
        + $"|(?:(?:{Hex16}:){{0,5}}{Hex16})?::{Hex16}|(?:(?:{Hex16}:){{0,6}}{Hex16})?::)";

    // RFC 5322's atoms and RFC 5321's quoted strings and address literals.
    private const string AtomSigns = "A-Za-z0-9!#$%&'*+/=?^_`{|}~-";

    private const string IdnAtom = $"[\\u0080-\\u{{10FFFF}}{AtomSigns}]";

    private const string Quoted = "\"(?:[ !#-\\[\\]-~]|\\\\[ -~])*\"";

    private const string Address = $"\\[(?:{IPv4}|IPv6:{IPv6})\\]";

    private const string Email = $"(?=[^@]{{1,64}}@|\")(?:[{AtomSigns}]+(?:\\.[{AtomSigns}]+)*|{Quoted})@(?:(?=.{{1,253}}$){Label}(?:\\.{Label})*|{Address})";

    private const string UcsChars =
        "\\u00A0-\\uD7FF\\uF900-\\uFDCF\\uFDF0-\\uFFEF\\u{10000}-\\u{1FFFD}\\u{20000}-\\u{2FFFD}\\u{30000}-\\u{3FFFD}\\u{40000}-\\u{4FFFD}\\u{50000}-\\u{5FFFD}\\u{60000}-\\u{6FFFD}"
        + "\\u{70000}-\\u{7FFFD}\\u{80000}-\\u{8FFFD}\\u{90000}-\\u{9FFFD}\\u{A0000}-\\u{AFFFD}\\u{B0000}-\\u{BFFFD}\\u{C0000}-\\u{CFFFD}\\u{D0000}-\\u{DFFFD}\\u{E1000}-\\u{EFFFD}";

    private const string PrivateChars = "\\uE000-\\uF8FF\\u{F0000}-\\u{FFFFD}\\u{100000}-\\u{10FFFD}";

    private const string Pointer = "(?:/(?:[^~/]|~[01])*)*";

    /// <summary>Formats that no regular expression describes.</summary>
    public static IReadOnlySet<string> Unsupported { get; } = new HashSet<string>(StringComparer.Ordinal) { "regex", "idn-hostname" };

    /// <summary>The formats.</summary>
    public static IReadOnlyDictionary<string, string> Patterns { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["date"] = Date,
        ["time"] = Time,
        ["date-time"] = $"{Date}[Tt]{Time}",
        ["duration"] = Duration(),
        ["email"] = Email,
        ["idn-email"] = $"(?=[^@]{{1,64}}@|\")(?:{IdnAtom}+(?:\\.{IdnAtom}+)*|\"(?:[ !#-\\[\\]-~\\u0080-\\u{{10FFFF}}]|\\\\[ -~])*\")@[^@\\s\\[\\]]+",
        ["hostname"] = Hostname,
        ["ipv4"] = IPv4,
        ["ipv6"] = IPv6,
        ["uuid"] = "[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}",
        ["uri"] = Uri("", "", relative: false),
        ["uri-reference"] = Uri("", "", relative: true),
        ["iri"] = Uri(UcsChars, PrivateChars, relative: false),
        ["iri-reference"] = Uri(UcsChars, PrivateChars, relative: true),
        ["uri-template"] = UriTemplate(),
        ["json-pointer"] = Pointer,
        ["relative-json-pointer"] = $"(?:0|[1-9][0-9]*)(?:#|{Pointer})",
    };

    // RFC 3986, and RFC 3987 with more characters.
    private static string Uri(string more, string queryMore, bool relative)
    {
        string escape = "%[0-9A-Fa-f]{2}", free = $"A-Za-z0-9._~{more}-", delims = "!$&'()*+,;=";
        string segment(string signs) => $"(?:[{signs}{delims}{free}]|{escape})";
        string signs = segment(":@"), user = segment(":"), name = segment(""), noColon = segment("@");
        string host = $"(?:\\[(?:{IPv6}|[Vv][0-9A-Fa-f]+\\.[:{delims}A-Za-z0-9._~-]+)\\]|{name}*)";
        string path = $"(?:/{signs}*)*", authority = $"//(?:{user}*@)?{host}(?::[0-9]*)?{path}", absolute = $"/(?:{signs}+{path})?";
        string query = $"(?:\\?(?:[/?:@{delims}{queryMore}{free}]|{escape})*)?", fragment = $"(?:#(?:[/?:@{delims}{free}]|{escape})*)?";
        string uri = $"[A-Za-z][A-Za-z0-9+.-]*:(?:{authority}|{absolute}|{signs}+{path}|){query}{fragment}";
        return relative ? $"(?:{uri}|(?:{authority}|{absolute}|{noColon}+{path}|){query}{fragment})" : uri;
    }

    // RFC 6570.
    private static string UriTemplate()
    {
        string escape = "%[0-9A-Fa-f]{2}", character = $"(?:[A-Za-z0-9_]|{escape})", name = $"{character}(?:\\.?{character})*";
        string variable = $"{name}(?::[1-9][0-9]{{0,3}}|\\*)?";
        string literal = $"[!#$&-;=?-\\[\\]_a-z~{UcsChars}{PrivateChars}]";
        return $"(?:{literal}|{escape}|\\{{[+#./;?&=,!@|]?{variable}(?:,{variable})*\\}})*";
    }

    // RFC 3339, appendix A.
    private static string Duration()
    {
        string second = "[0-9]+S", minute = $"[0-9]+M(?:{second})?", hour = $"[0-9]+H(?:{minute})?", time = $"T(?:{hour}|{minute}|{second})";
        string day = "[0-9]+D", month = $"[0-9]+M(?:{day})?", year = $"[0-9]+Y(?:{month})?";
        return $"P(?:(?:{day}|{month}|{year})(?:{time})?|{time}|[0-9]+W)";
    }
}
