using System.Globalization;

namespace Gemma2.Backend.Text.Jinja;

/// <summary>Values as Python has them: what is true, what is equal, how they are written.</summary>
internal static class Python
{
    /// <summary>Python's white space, which U+001C to U+001F belong to.</summary>
    public static bool IsWhiteSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1C' and <= '\x1F';

    /// <summary>Whether a value counts as true.</summary>
    public static bool IsTrue(object? value) => value switch
    {
        null or JinjaUndefined => false,
        bool flag => flag,
        long number => number != 0,
        double number => number != 0,
        JinjaText text => text.Value.Length > 0,
        JinjaList list => list.Items.Count > 0,
        JinjaMap map => map.Entries.Count > 0,
        _ => true,
    };

    /// <summary>Whether a value is a number, as True and False are.</summary>
    public static bool IsNumber(object? value) => value is bool or long or double;

    /// <summary>A number as a double.</summary>
    public static double ToDouble(object? number) => number switch
    {
        bool flag => flag ? 1 : 0,
        long whole => whole,
        _ => (double)number!,
    };

    /// <summary>A whole number, as which True and False count too.</summary>
    public static bool TryInteger(object? value, out long number)
    {
        number = value switch { long whole => whole, true => 1, _ => 0 };
        return value is long or bool;
    }

    /// <summary>Whether two values are equal.</summary>
    public static bool AreEqual(object? left, object? right) => (left, right) switch
    {
        (JinjaText a, JinjaText b) => a.Value == b.Value,
        (long a, long b) => a == b,
        _ when IsNumber(left) && IsNumber(right) => ToDouble(left) == ToDouble(right),
        (JinjaList a, JinjaList b) => a.IsTuple == b.IsTuple && a.Items.Count == b.Items.Count && a.Items.Zip(b.Items).All(pair => AreEqual(pair.First, pair.Second)),
        (JinjaMap a, JinjaMap b) => a.Entries.Count == b.Entries.Count && a.Entries.All(entry => b.TryGet(entry.Key, out object? value) && AreEqual(entry.Value, value)),
        (JinjaUndefined, JinjaUndefined) => true,
        _ => ReferenceEquals(left, right),
    };

    /// <summary>How much there is to compare, or to write, at most.</summary>
    public static long WeightOf(object? value) => value switch
    {
        JinjaText text => 1 + (text.Value.Length / 16),
        JinjaList list => list.Weight,
        JinjaMap map => map.Weight,
        _ => 1,
    };

    /// <summary>How deep a value is nested.</summary>
    public static int DepthOf(object? value) => value switch
    {
        JinjaList list => list.Depth,
        JinjaMap map => map.Depth,
        _ => 0,
    };

    /// <summary>The order of two numbers, texts or lists; null where there is none.</summary>
    public static int? Compare(object? left, object? right)
    {
        if (IsNumber(left) && IsNumber(right)) return left is long a && right is long b ? a.CompareTo(b) : ToDouble(left).CompareTo(ToDouble(right));
        if (left is JinjaText one && right is JinjaText other) return string.CompareOrdinal(one.Value, other.Value);
        if (left is not JinjaList first || right is not JinjaList second) return null;
        for (int i = 0; i < Math.Min(first.Items.Count, second.Items.Count); i++)
            if (!AreEqual(first.Items[i], second.Items[i])) return Compare(first.Items[i], second.Items[i]);
        return first.Items.Count.CompareTo(second.Items.Count);
    }

    /// <summary>What kind a value is of, as Python calls it.</summary>
    public static string TypeOf(object? value) => value switch
    {
        null => "NoneType",
        bool => "bool",
        long => "int",
        double => "float",
        JinjaText => "str",
        JinjaList { IsTuple: true } => "tuple",
        JinjaList => "list",
        JinjaMap => "dict",
        JinjaNamespace => "Namespace",
        JinjaUndefined => "Undefined",
        _ => "function",
    };

    /// <summary>A value as text, as <c>str</c> gives it.</summary>
    public static JinjaText ToText(object? value, JinjaRun run)
    {
        if (value is JinjaText text) return text;
        return value is JinjaUndefined ? JinjaText.Empty : new PythonForm(run).Write(value).Build();
    }

    /// <summary>A float as Python writes it: as short as it can be told from others.</summary>
    public static string FloatText(double number)
    {
        if (double.IsNaN(number)) return "nan";
        if (double.IsInfinity(number)) return number > 0 ? "inf" : "-inf";
        string text = number.ToString("R", CultureInfo.InvariantCulture);
        int e = text.IndexOf('E');
        if (e < 0 && Math.Abs(number) >= 1e16) return LargeText(text);
        if (e >= 0)
        {
            int exponent = int.Parse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
            if (exponent is < 0 or >= 16) return string.Create(CultureInfo.InvariantCulture, $"{text.AsSpan(0, e)}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");
            text = decimal.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture);
        }
        return text.Contains('.') ? text : $"{text}.0";
    }

    private static string LargeText(string digits)
    {
        int first = digits[0] == '-' ? 2 : 1;
        string rest = digits[first..].TrimEnd('0');
        return string.Create(CultureInfo.InvariantCulture, $"{digits.AsSpan(0, first)}{(rest.Length > 0 ? "." : "")}{rest}e+{digits.Length - first}");
    }
}
