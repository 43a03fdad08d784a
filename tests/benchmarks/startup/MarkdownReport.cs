using System.Globalization;
using System.Text;
using Gemma2.Backend.Startup;
using Gemma2.Benchmarks.Sides;
using Gemma2.Cli.Benchmarks;
using Gemma2.Cli.Startups;

namespace Gemma2.Benchmarks.Startup;

/// <summary>What was measured of one model, as tables.</summary>
internal static class MarkdownReport
{
    private const int DrawingWidth = 110;

    /// <summary>Writes the tables.</summary>
    public static string Write(string title, int rounds, IReadOnlyList<Measurement> measurements, IReadOnlyList<Burst> bursts)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"**{title}**, {rounds} starts of each way in turns, each a new process: medians (lowest to highest).\n\n");
        string[] peers = [.. measurements.Where(measurement => measurement.Way.IsTheirs).Select(measurement => measurement.Way.Name).Distinct()];
        text.Append(CultureInfo.InvariantCulture, $"| | start | first token, s |{string.Concat(peers.Select(peer => $" as a share of {peer}'s time |"))} most memory resident, MB | device memory, MB | the wait |\n");
        text.Append(CultureInfo.InvariantCulture, $"|---|---|---|{string.Concat(peers.Select(_ => "---|"))}---|---|---|\n");
        foreach (Measurement measurement in measurements)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {measurement.Condition.Name} | {measurement.Way.Name} | {Show(measurement.Seconds)} |");
            foreach (string peer in peers)
                text.Append(CultureInfo.InvariantCulture, $" {(measurement.Way.IsTheirs ? "" : Show(measurement.RatioTo(measurements.Single(other => other.Condition == measurement.Condition && other.Way.Name == peer)), bold: true))} |");
            text.Append(CultureInfo.InvariantCulture, $" {Megabytes(measurement.Starts.Max(start => start.PeakBytes))} | {Megabytes(measurement.Median.DeviceBytes)} | {Wait(measurement.Median.Timeline)} |\n");
        }
        text.Append('\n');
        AppendBursts(text, bursts);
        AppendTimelines(text, measurements);
        return text.ToString();
    }

    private static void AppendBursts(StringBuilder text, IReadOnlyList<Burst> bursts)
    {
        if (bursts.Count == 0) return;
        text.Append("The first requests at once after the app was ready, beside as many that come later, each process by process:\n\n");
        text.Append("| at once | the first as a multiple of later ones | all of the first answered, s |\n|---|---|---|\n");
        foreach (Burst burst in bursts) text.Append(CultureInfo.InvariantCulture, $"| {burst.Requests} | {Show(burst.Ratio, bold: true)} | {Show(burst.FirstSeconds)} |\n");
        text.Append('\n');
    }

    // The app's first way under each condition: what the others differ in is in the table.
    private static void AppendTimelines(StringBuilder text, IReadOnlyList<Measurement> measurements)
    {
        foreach (Measurement measurement in measurements.Where(measurement => measurement.Median.Timeline is not null).DistinctBy(measurement => measurement.Condition))
        {
            text.Append(CultureInfo.InvariantCulture, $"The start in the middle, {measurement.Way.Name}, {measurement.Condition.Name}:\n\n```\n");
            foreach (StartupLine line in StartupText.Draw(measurement.Median.Timeline!, DrawingWidth).Skip(1)) text.Append(line.Text).Append('\n');
            text.Append("```\n\n");
        }
    }

    private static string Wait(StartupReport? timeline) => timeline?.Wait is { } wait
        ? string.Create(CultureInfo.InvariantCulture, $"{wait.Name}, {timeline.WaitedFor(wait) / timeline.Waits[^1].End:0 %}")
        : "";

    private static string Show(Spread spread, bool bold = false)
    {
        string mark = bold ? "**" : "";
        return $"{mark}{Digits.Of(spread.Median)}{mark} ({Digits.Of(spread.Lowest)} to {Digits.Of(spread.Highest)})";
    }

    private static string Megabytes(long? bytes) => bytes is { } known ? (known / 1e6).ToString("0", CultureInfo.InvariantCulture) : "";
}
