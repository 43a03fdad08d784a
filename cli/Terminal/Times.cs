using System.Globalization;

namespace Gemma2.Cli.Terminal;

/// <summary>Times and durations as people read them.</summary>
internal static class Times
{
    /// <summary>A moment in UTC: "2026-01-31 18:05:09Z"; a dash where there is none.</summary>
    public static string Describe(DateTimeOffset? moment) => moment?.ToString("u", CultureInfo.InvariantCulture) ?? "-";

    /// <summary>A duration in its two largest units: "45 s", "3 min 10 s", "2 h 5 min", "4 d 6 h".</summary>
    public static string Describe(TimeSpan duration)
    {
        TimeSpan whole = TimeSpan.FromSeconds(Math.Round(Math.Max(0, duration.TotalSeconds)));
        return whole switch
        {
            { Days: > 0 } => Pair(whole.Days, "d", whole.Hours, "h"),
            { Hours: > 0 } => Pair(whole.Hours, "h", whole.Minutes, "min"),
            { Minutes: > 0 } => Pair(whole.Minutes, "min", whole.Seconds, "s"),
            _ => Text(whole.Seconds, "s"),
        };
    }

    private static string Pair(int large, string largeUnit, int small, string smallUnit) =>
        small == 0 ? Text(large, largeUnit) : $"{Text(large, largeUnit)} {Text(small, smallUnit)}";

    private static string Text(int value, string unit) => string.Create(CultureInfo.InvariantCulture, $"{value} {unit}");
}
