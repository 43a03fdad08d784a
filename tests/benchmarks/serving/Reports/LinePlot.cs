using System.Globalization;
using System.Xml.Linq;
using Gemma2.Benchmarks.Sides;
using Gemma2.Cli.Planning.Report;

namespace Gemma2.Benchmarks.Serving.Reports;

/// <summary>The plots of a report, one below the other: lines with points, each doubling across as wide as the next.</summary>
internal static class LinePlot
{
    private const int Width = 720, Height = 320;
    private const int Left = 60, Right = Width - 150, Top = 50, Bottom = Height - 50;
    private const int PointSize = 6, LegendGap = 20;
    private const int MostTicks = 6;
    private const string GridColor = "#ddd";

    private static readonly string[] Colors = ["#3b7dd8", "#d8803b"];

    // Steps between the ticks are these times a power of ten.
    private static readonly double[] NiceSteps = [.. Enumerable.Range(-3, 8).SelectMany(power => (double[])[1, 2, 5], (power, digit) => digit * Math.Pow(10, power))];

    /// <summary>The picture; null when nothing of the report is drawn.</summary>
    public static XElement? Draw(ServingReport report)
    {
        ScenarioReport[] plotted = [.. report.Scenarios.Where(scenario => scenario.Plot is not null)];
        if (plotted.Length == 0) return null;
        return Svg.Picture(
            Width,
            plotted.Length * Height,
            $"Serving {report.Model}",
            string.Join("; ", plotted.Select(Describe)),
            plotted.Select((scenario, i) => Svg.Group(i * Height, Draw(scenario, scenario.Plot!))));
    }

    private static string Describe(ScenarioReport scenario) =>
        $"{scenario.Plot!.Title}: {string.Join(", ", scenario.Rows.Select(row => $"{row.Side} {row.Case}: {Digits.Of(row.Values[scenario.Plot.Up])}"))}";

    private static IEnumerable<XElement> Draw(ScenarioReport scenario, Plot plot)
    {
        double[] across = [.. scenario.Rows.Select(row => row.Values[plot.Across]).Distinct()];
        double most = scenario.Rows.Max(row => row.Values[plot.Up]);
        double step = NiceSteps.First(step => most / step <= MostTicks);
        double highest = step * Math.Ceiling(most / step);
        yield return Svg.Text(Left, Top - 24, plot.Title, weight: "bold");
        for (int tick = 0; tick * step <= highest * 1.0001; tick++)
        {
            yield return Svg.Line($"M{Left} {Svg.Number(Y(tick * step, highest))}H{Right}", GridColor);
            yield return Svg.Text(Left - 8, Y(tick * step, highest) + 4, Digits.Of(tick * step), "end");
        }
        // Labels of neighbours would lie on each other.
        foreach (double x in across.Where(x => double.IsPow2(x) || across.Length <= MostTicks)) yield return Svg.Text(X(x, across), Bottom + 18, x.ToString(CultureInfo.InvariantCulture), "middle");
        yield return Svg.Text((Left + Right) / 2, Bottom + 36, plot.Across, "middle");
        foreach ((int i, IGrouping<string, Row> side) in scenario.Rows.GroupBy(row => row.Side).Index())
        {
            (double X, double Y)[] points = [.. side.Select(row => (X(row.Values[plot.Across], across), Y(row.Values[plot.Up], highest)))];
            yield return Svg.Line($"M{string.Join("L", points.Select(point => $"{Svg.Number(point.X)} {Svg.Number(point.Y)}"))}", Colors[i % Colors.Length], 2);
            foreach ((double x, double y) in points) yield return Svg.Box((int)x - (PointSize / 2), (int)y - (PointSize / 2), PointSize, PointSize, Colors[i % Colors.Length]);
            yield return Svg.Box(Right + 10, Top + (i * LegendGap), 12, 12, Colors[i % Colors.Length]);
            yield return Svg.Text(Right + 28, Top + 10 + (i * LegendGap), side.Key);
        }
    }

    private static double X(double value, double[] across) =>
        across.Length == 1 ? Left : Left + ((Right - Left) * Math.Log2(value / across.Min()) / Math.Log2(across.Max() / across.Min()));

    private static double Y(double value, double highest) => Bottom - ((Bottom - Top) * value / highest);
}
