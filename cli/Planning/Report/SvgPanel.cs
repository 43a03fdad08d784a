using System.Globalization;
using System.Text;
using System.Xml.Linq;

namespace Gemma2.Cli.Planning.Report;

/// <summary>One line of a plot.</summary>
/// <param name="Name">For the legend.</param>
/// <param name="Color">As CSS has it.</param>
/// <param name="IsArea">Filled down to zero.</param>
/// <param name="Values">The value in each of the equally long stretches of time.</param>
internal sealed record SvgSeries(string Name, string Color, bool IsArea, IReadOnlyList<double> Values);

/// <summary>One plot over time: a heading, two axes, lines in steps, a legend.</summary>
/// <param name="Heading">What is shown.</param>
/// <param name="Series">The lines, the first one at the bottom.</param>
/// <param name="Seconds">Length of the time axis.</param>
internal sealed record SvgPanel(string Heading, IReadOnlyList<SvgSeries> Series, double Seconds)
{
    /// <summary>Width of the picture.</summary>
    public const int Width = 960;

    /// <summary>Height of a panel with its heading and labels.</summary>
    public const int Height = 220;

    /// <summary>Where the plot begins.</summary>
    public const int Left = 72;

    private const int Top = 36, PlotWidth = Width - Left - 24, PlotHeight = Height - Top - 34;
    private const int HeadingLine = Top - 14, LegendWidth = 150, LegendGap = 18, BoxWidth = 12, BoxHeight = 10;
    private const int TickLength = 4, LabelGap = 8, LabelDrop = 18, HalfLetter = 4;
    private const int MostTicksAcross = 13, MostTicksUp = 5;
    private const double SecondsAnHour = 3600;
    private const double Rounding = 1e-9;
    private const string AxisColor = "#333", GridColor = "#ddd";

    // The steps in which hours are counted: from a minute to four weeks, then multiples of these.
    private static readonly double[] HourSteps = [1 / 60.0, 1 / 12.0, 1 / 6.0, 0.25, 0.5, 1, 2, 3, 4, 6, 12, 24, 48, 168, 336, 672];

    // Labels are these times a power of ten.
    private static readonly int[] NiceFactors = [1, 2, 5, 10];

    /// <summary>Draws it, from so far down.</summary>
    public XElement Draw(int y)
    {
        double most = Series.SelectMany(series => series.Values).Max();
        double step = NiceStep(most / MostTicksUp);
        double highest = step * Math.Max(1, Math.Ceiling((most / step) - Rounding));
        return Svg.Group(y,
        [
            Svg.Text(Left, HeadingLine, Heading, weight: "bold"),
            .. Series.SelectMany(Legend),
            .. Horizontal(step, highest),
            .. Vertical(),
            .. Series.Select(series => Draw(series, highest)),
            Svg.Line($"M{Left} {Top}v{PlotHeight}h{PlotWidth}", AxisColor),
        ]);
    }

    private IEnumerable<XElement> Legend(SvgSeries series, int index)
    {
        int x = Left + PlotWidth - ((Series.Count - index) * LegendWidth);
        yield return Svg.Box(x, HeadingLine - BoxHeight + 1, BoxWidth, BoxHeight, series.Color);
        yield return Svg.Text(x + LegendGap, HeadingLine, series.Name);
    }

    private static IEnumerable<XElement> Horizontal(double step, double highest)
    {
        for (int tick = 0; tick * step <= highest * (1 + Rounding); tick++)
        {
            double y = Y(tick * step, highest);
            yield return Svg.Line($"M{Left - TickLength} {Svg.Number(y)}H{Left + PlotWidth}", GridColor);
            yield return Svg.Text(Left - LabelGap, y + HalfLetter, Figures.Plain(Math.Round(tick * step, 9)), "end");
        }
    }

    private IEnumerable<XElement> Vertical()
    {
        double hours = Seconds / SecondsAnHour;
        double longest = HourSteps[^1] * Math.Ceiling(hours / HourSteps[^1] / MostTicksAcross);
        double step = HourSteps.FirstOrDefault(candidate => hours / candidate <= MostTicksAcross, longest);
        for (int tick = 0; tick * step <= hours * (1 + Rounding); tick++)
        {
            double x = Left + (PlotWidth * tick * step / hours);
            yield return Svg.Line($"M{Svg.Number(x)} {Top + PlotHeight}v{TickLength}", AxisColor);
            yield return Svg.Text(x, Top + PlotHeight + LabelDrop, Figures.Clock(tick * step * SecondsAnHour), "middle");
        }
    }

    // A step where the value changes, nothing where it stays.
    private static XElement Draw(SvgSeries series, double highest)
    {
        var path = new StringBuilder();
        string last = "";
        foreach ((int index, double value) in series.Values.Index())
        {
            string y = Svg.Number(Y(value, highest));
            if (y == last) continue;
            string x = Svg.Number(Left + ((double)PlotWidth * index / series.Values.Count));
            path.Append(index == 0 ? $"M{x} {y}" : $"H{x}V{y}");
            last = y;
        }
        path.Append(CultureInfo.InvariantCulture, $"H{Left + PlotWidth}");
        return series.IsArea
            ? Svg.Area($"{path}V{Top + PlotHeight}H{Left}Z", series.Color)
            : Svg.Line(path.ToString(), series.Color, 1.5);
    }

    private static double Y(double value, double highest) => Top + PlotHeight - (PlotHeight * value / highest);

    private static double NiceStep(double least)
    {
        if (least <= 0) return 1;
        double power = Math.Pow(10, Math.Floor(Math.Log10(least)));
        return NiceFactors.Select(factor => factor * power).First(step => step >= least * (1 - Rounding));
    }
}
