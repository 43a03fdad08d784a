using System.Globalization;

namespace Gemma2.Cli.Planning;

/// <summary>Numbers as people read them, the same everywhere in the world.</summary>
internal static class Figures
{
    /// <summary>With a comma between thousands: "3,000,000".</summary>
    public static string Count(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>All its digits and no comma: "86400", "0.01".</summary>
    public static string Plain(double number) => number.ToString("0.############", CultureInfo.InvariantCulture);

    /// <summary>Three digits at least, all that stand before the point: "0.0123", "12.3", "1,234".</summary>
    public static string Short(double number) => number >= 1000 || number <= -1000
        ? number.ToString("N0", CultureInfo.InvariantCulture)
        : number.ToString("G3", CultureInfo.InvariantCulture) is var text && text.Contains('E') ? Plain(Math.Round(number, 12)) : text;

    /// <summary>A time span of so many seconds: "0.25 s", "95 s", "12 min", "3.5 h".</summary>
    public static string Duration(double seconds) => seconds switch
    {
        < 120 => $"{Short(seconds)} s",
        < 7200 => $"{Short(seconds / 60)} min",
        _ => $"{Short(seconds / 3600)} h",
    };

    /// <summary>Money, without its currency: two digits after the point, more where it is little.</summary>
    public static string Money(double amount) => amount.ToString(amount is > 0 and < 0.1 ? "0.0000" : "N2", CultureInfo.InvariantCulture);

    /// <summary>A share of one: "12.5 %".</summary>
    public static string Percent(double share) => (share * 100).ToString("0.#", CultureInfo.InvariantCulture) + " %";

    /// <summary>A time of the simulation, counted from its begin: "07:00", "31:30".</summary>
    public static string Clock(double seconds)
    {
        long minutes = (long)Math.Round(seconds / 60);
        return string.Create(CultureInfo.InvariantCulture, $"{minutes / 60:00}:{minutes % 60:00}");
    }
}
