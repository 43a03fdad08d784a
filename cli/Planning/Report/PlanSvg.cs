using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace Gemma2.Cli.Planning.Report;

/// <summary>Draws the answer: queue length, replicas and cost over time. The same answer gives the same bytes.</summary>
internal static class PlanSvg
{
    private const int Heading = 56;
    private const int Margin = 8;

    private const string Light = "#b9d3ec", Blue = "#1f5fa8", Green = "#2b7d4b", Orange = "#c2560c";

    /// <summary>Writes the picture as an SVG file.</summary>
    public static async Task WriteAsync(Stream stream, PlanReport report)
    {
        var settings = new XmlWriterSettings
        {
            Async = true,
            Encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            Indent = true,
            NewLineChars = "\n",
        };
        await using XmlWriter writer = XmlWriter.Create(stream, settings);
        await Draw(report).WriteToAsync(writer, CancellationToken.None);
    }

    private static XElement Draw(PlanReport report)
    {
        SvgPanel[] panels = [Queue(report), Replicas(report), Cost(report)];
        int height = Heading + (panels.Length * SvgPanel.Height) + Margin;
        return Svg.Picture(
            SvgPanel.Width, height, report.Title, "Queue length, replicas and cost over time.",
            [
                Svg.Box(0, 0, SvgPanel.Width, height, "#fff"),
                Svg.Text(SvgPanel.Left, 26, report.Title, weight: "bold"),
                Svg.Text(SvgPanel.Left, 44, Summary(report)),
                .. panels.Select((panel, index) => panel.Draw(Heading + (index * SvgPanel.Height))),
            ]);
    }

    private static string Summary(PlanReport report)
    {
        PlanTotals totals = report.Totals;
        return $"{Figures.Count(totals.Requests)} requests, {Figures.Count(totals.Answered)} answered, {Figures.Short(totals.GpuHours)} GPU-hours"
            + (totals.Wait is { } wait ? $", wait p50 {Figures.Duration(wait.P50)}, p99 {Figures.Duration(wait.P99)}" : "")
            + (totals.Cost is { } cost ? $", cost {Figures.Money(cost)}" : "")
            + $"; rates: {report.RatesSource}";
    }

    private static SvgPanel Queue(PlanReport report) => Panel(
        report, "Queue: messages that nobody works on",
        ("most", Light, true, point => point.MostQueued), ("mean", Blue, false, point => point.Queue));

    private static SvgPanel Replicas(PlanReport report) => Panel(
        report, "Replicas", ("billed", Light, true, point => point.Replicas), ("taking messages", Green, false, point => point.ReadyReplicas));

    private static SvgPanel Cost(PlanReport report) => report.Totals.Cost is null
        ? Panel(report, "GPU-hours since the begin", ("GPU-hours", Orange, false, point => point.GpuHours))
        : Panel(report, "Cost since the begin", ("cost", Orange, false, point => point.Cost!.Value));

    private static SvgPanel Panel(PlanReport report, string heading, params (string Name, string Color, bool IsArea, Func<PlanPoint, double> Value)[] series) =>
        new(heading, [.. series.Select(one => new SvgSeries(one.Name, one.Color, one.IsArea, [.. report.Points.Select(one.Value)]))], report.Points[^1].Time);
}
