using System.Globalization;
using System.Text;
using Gemma2.Backend.Startup;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Startups;

/// <summary>Draws a start as lines of text: a line and a bar for each stage. What the start waited for is drawn full, what went on beside it light.</summary>
internal static class StartupText
{
    private const char Waited = '█';
    private const char Beside = '░';
    private const int LongestName = 28;
    private const int ShortestBar = 10;
    private const int LongestBar = 60;

    // A first token that comes so much later was asked for later.
    private const double AtOnce = 1.25;

    /// <summary>The lines, none longer than <paramref name="width"/> unless the least of them is.</summary>
    public static IReadOnlyList<StartupLine> Draw(StartupReport report, int width)
    {
        IReadOnlyList<string[]> rows = [.. report.Stages.Select(stage => Row(report, stage))];
        string[] headings = ["stage", "begin", "took", "waited", "bytes", "rate"];
        int[] widths = [.. headings.Select((heading, column) => rows.Select(row => row[column].Length).Append(heading.Length).Max())];
        // The narrower the terminal, the less there is: first rate and bytes go, then the bar.
        int columns = widths[4] + widths[5] + 4 + Sum(widths, 4) + ShortestBar + 2 <= width && report.Stages.Any(stage => stage.Bytes > 0) ? 6 : 4;
        int bar = Math.Min(LongestBar, width - Sum(widths, columns) - 2);
        if (bar < ShortestBar) bar = 0;
        TimeSpan scale = Scale(report);
        List<StartupLine> lines = [.. Heading(report).Select(text => new StartupLine(text, false)), new(Line(headings, widths, columns, new string(' ', bar)), false)];
        foreach ((StartupStage stage, string[] row) in report.Stages.Zip(rows))
            lines.Add(new(Line(row, widths, columns, bar == 0 ? "" : Bar(report, stage, scale, bar)), ReferenceEquals(stage, report.Wait)));
        lines.AddRange(Footing(report, bar > 0).Select(text => new StartupLine(text, false)));
        return lines;
    }

    private static IEnumerable<string> Heading(StartupReport report)
    {
        string model = report.Model is null ? "A model" : ErrorText.OneLine(report.Model);
        string where = report.Machine.Length > 0 ? $" on {ErrorText.OneLine(report.Machine)}" : "";
        string token = report.FirstToken?.End is { } first ? $", its first token came after {Seconds(first)} s" : "";
        string ready = report.Ready is { } time ? $"ready after {Seconds(time)} s{token}" : "not ready yet";
        yield return $"{model}{where}, started {Times.Describe(report.Start)}: {ready}.";
    }

    private static IEnumerable<string> Footing(StartupReport report, bool hasBars)
    {
        if (report.Wait is { } wait)
        {
            TimeSpan waited = report.WaitedFor(wait), all = report.Waits[^1].End;
            string share = (waited / all).ToString("0 %", CultureInfo.InvariantCulture);
            yield return $"The wait was {Name(wait)}: {Seconds(waited)} of {Seconds(all)} s, {share}.";
        }
        if (report.Between.TotalSeconds >= 0.001) yield return $"In {Seconds(report.Between)} s of it none of these stages was under way.";
        if (hasBars) yield return $"{Waited} the start waited for it   {Beside} it went on beside";
    }

    private static string[] Row(StartupReport report, StartupStage stage) =>
    [
        Name(stage),
        Seconds(stage.Begin),
        stage.Length is { } length ? Seconds(length) : "...",
        report.WaitedFor(stage) is var waited && waited > TimeSpan.Zero ? Seconds(waited) : "",
        stage.Bytes > 0 ? Sizes.Describe(stage.Bytes) : "",
        stage.BytesPerSecond is { } rate ? $"{Sizes.Describe((long)rate)}/s" : "",
    ];

    private static string Name(StartupStage stage)
    {
        string name = ErrorText.OneLine(stage.Of is null ? stage.Name : $"{stage.Name} {stage.Of}");
        return name.Length <= LongestName ? name : $"{name[..(LongestName - 1)]}…";
    }

    private static int Sum(int[] widths, int columns) => widths.Take(columns).Sum() + (2 * (columns - 1));

    private static string Line(string[] cells, int[] widths, int columns, string bar)
    {
        var line = new StringBuilder(cells[0].PadRight(widths[0]));
        if (bar.Length > 0) line.Append("  ").Append(bar);
        for (int column = 1; column < columns; column++) line.Append("  ").Append(cells[column].PadLeft(widths[column]));
        return line.ToString().TrimEnd();
    }

    private static TimeSpan Scale(StartupReport report)
    {
        TimeSpan end = report.Stages.Where(stage => stage.Name != StartupStages.FirstToken).Select(stage => stage.End ?? stage.Begin).Append(report.Ready ?? TimeSpan.Zero).Max();
        return report.FirstToken?.End is { } first && first <= end * AtOnce ? Max(first, end) : end;
    }

    private static string Bar(StartupReport report, StartupStage stage, TimeSpan scale, int width)
    {
        char[] bar = new string(' ', width).ToCharArray();
        Fill(bar, stage.Begin, stage.End ?? scale, scale, Beside);
        foreach (StartupWait wait in report.Waits.Where(wait => ReferenceEquals(wait.Stage, stage))) Fill(bar, wait.Begin, wait.End, scale, Waited);
        if (stage.Name == StartupStages.FirstToken) Fill(bar, stage.Begin, stage.End ?? scale, scale, Waited);
        return new string(bar);
    }

    private static void Fill(char[] bar, TimeSpan begin, TimeSpan end, TimeSpan scale, char with)
    {
        if (scale <= TimeSpan.Zero || begin >= scale) return;
        int first = Math.Min(bar.Length - 1, (int)(begin / scale * bar.Length));
        int last = Math.Max(first + 1, (int)Math.Round(Math.Min(1, end / scale) * bar.Length));
        Array.Fill(bar, with, first, last - first);
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString(time.TotalSeconds < 99.95 ? "0.000" : "0.0", CultureInfo.InvariantCulture);
}

/// <summary>A line of a drawing.</summary>
/// <param name="Text">The line.</param>
/// <param name="IsTheWait">Whether it is of the stage that was waited for longest.</param>
internal sealed record StartupLine(string Text, bool IsTheWait);
