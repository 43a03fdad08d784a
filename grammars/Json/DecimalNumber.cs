using System.Globalization;

namespace Gemma2.Grammars.Json;

/// <summary>A number as decimal digits, exact however it is written.</summary>
/// <param name="IsNegative">Whether it is below zero.</param>
/// <param name="Whole">Digits before the point, without zeros in front; "0" where there are none.</param>
/// <param name="Fraction">Digits behind the point, without zeros at the end.</param>
internal sealed record DecimalNumber(bool IsNegative, string Whole, string Fraction)
{
    private const int MostDigits = 400;

    /// <summary>0.</summary>
    public static DecimalNumber Zero { get; } = new(false, "0", "");

    /// <summary>Whether it is 0.</summary>
    public bool IsZero => Whole == "0" && Fraction.Length == 0;

    /// <summary>The first digit that is not 0, those after it, and the power of ten that the first stands for. Zero has none.</summary>
    public (string First, string Others, int Exponent) Scientific
    {
        get
        {
            string digits = (Whole + Fraction).TrimStart('0');
            int exponent = Whole != "0" ? Whole.Length - 1 : digits.Length - Fraction.Length - 1;
            return (digits[..1], digits[1..].TrimEnd('0'), exponent);
        }
    }

    /// <summary>Reads a JSON number; null where it takes too many digits.</summary>
    public static DecimalNumber? Parse(string text)
    {
        bool negative = text.StartsWith('-');
        string[] parts = text[(negative ? 1 : 0)..].Split('e', 'E');
        int shift = 0;
        if (parts.Length > 1 && (!int.TryParse(parts[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out shift) || Math.Abs(shift) > MostDigits)) return null;
        int point = parts[0].IndexOf('.');
        string digits = parts[0].Replace(".", "", StringComparison.Ordinal);
        int place = (point < 0 ? digits.Length : point) + shift;
        if (digits.Length > MostDigits) return null;
        if (place < 0) (digits, place) = (new string('0', -place) + digits, 0);
        if (place > digits.Length) digits = digits.PadRight(place, '0');
        string whole = digits[..place].TrimStart('0'), fraction = digits[place..].TrimEnd('0');
        return new(negative && (whole.Length > 0 || fraction.Length > 0), whole.Length > 0 ? whole : "0", fraction);
    }
}
