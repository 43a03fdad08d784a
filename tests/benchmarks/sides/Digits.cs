using System.Globalization;

namespace Gemma2.Benchmarks.Sides;

/// <summary>Numbers in tables.</summary>
internal static class Digits
{
    /// <summary>Three digits, never with an exponent where a reader would stumble.</summary>
    public static string Of(double value) => value switch
    {
        0 => "0",
        < 0.001 => value.ToString("0.0e0", CultureInfo.InvariantCulture),
        >= 100 => value.ToString("0", CultureInfo.InvariantCulture),
        _ => value.ToString("G3", CultureInfo.InvariantCulture),
    };
}
