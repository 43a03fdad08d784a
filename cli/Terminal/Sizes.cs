using System.Globalization;

namespace Gemma2.Cli.Terminal;

/// <summary>Byte counts as people read them.</summary>
internal static class Sizes
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB"];

    /// <summary>Three digits and a unit: "4.87 GiB".</summary>
    public static string Describe(long bytes)
    {
        double value = bytes;
        int unit = 0;
        for (; value >= 999.5 && unit < Units.Length - 1; unit++) value /= 1024;
        return string.Create(CultureInfo.InvariantCulture, $"{value:G3} {Units[unit]}");
    }
}
