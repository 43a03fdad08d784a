using System.Globalization;
using System.Text;

namespace Gemma2.Backend.Text.Jinja;

/// <summary>Python's <c>strftime</c>, in English.</summary>
internal static class PythonTime
{
    /// <summary>A time as a format says.</summary>
    public static string Format(DateTimeOffset time, string format, JinjaCall call)
    {
        var text = new StringBuilder();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%')
            {
                text.Append(format[i]);
                continue;
            }
            bool isShort = i + 1 < format.Length && format[i + 1] == '-';
            i += isShort ? 2 : 1;
            string part = Part(time, i < format.Length ? format[i] : ' ') ?? throw call.Error($"the format '{format}' of strftime_now is not supported");
            text.Append(isShort && part.Length > 1 ? part.TrimStart('0') is { Length: > 0 } trimmed ? trimmed : "0" : part);
        }
        return text.ToString();
    }

    private static string? Part(DateTimeOffset time, char directive)
    {
        string? format = directive switch
        {
            'Y' => "yyyy",
            'y' => "yy",
            'm' => "MM",
            'B' => "MMMM",
            'b' or 'h' => "MMM",
            'd' => "dd",
            'A' => "dddd",
            'a' => "ddd",
            'H' => "HH",
            'I' => "hh",
            'M' => "mm",
            'S' => "ss",
            'p' => "tt",
            'F' => "yyyy-MM-dd",
            'T' => "HH:mm:ss",
            'D' => "MM/dd/yy",
            'R' => "HH:mm",
            _ => null,
        };
        return directive switch
        {
            '%' => "%",
            'j' => time.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
            'e' => time.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2),
            'z' => $"{(time.Offset < TimeSpan.Zero ? '-' : '+')}{time.Offset:hhmm}",
            _ => format is null ? null : time.ToString(format, CultureInfo.InvariantCulture),
        };
    }
}
