using System.Globalization;
using System.Xml.Linq;
using Gemma2.Cli.Benchmarks;
using Gemma2.Cli.Planning.Report;

namespace Gemma2.Benchmarks.Peers.Reports;

/// <summary>Bars of ratios on a logarithmic axis: to the right of 1 ours is faster, to the left theirs is. A thin line spans lowest to highest.</summary>
internal static class RatioPlot
{
    private const int Width = 860;
    private const int PlotLeft = 300;
    private const int PlotRight = 820;
    private const int Top = 60;
    private const int BarHeight = 16;
    private const int Pitch = 22;
    private const int GroupGap = 12;
    private const string PromptColor = "#3b7dd8";
    private const string DecodeColor = "#d8803b";
    private const string GridColor = "#ccc";
    private const string SpreadColor = "#222";

    // 1, 2, 5, 10, ... far beyond what any comparison gives
    private static readonly double[] Ticks = [.. Enumerable.Range(-6, 12).SelectMany(power => (double[])[1, 2, 5], (power, digit) => digit * Math.Pow(10, power))];

    /// <summary>The picture of all comparisons.</summary>
    public static XElement Draw(Report report)
    {
        Spread[] all = [.. report.Comparisons.SelectMany(c => (Spread[])[c.PromptRatio, c.DecodeRatio])];
        var axis = new Axis(Ticks.Last(tick => tick <= all.Min(ratio => ratio.Lowest) && tick < 0.9), Ticks.First(tick => tick >= all.Max(ratio => ratio.Highest) && tick > 1.1));
        int bottom = Top + (report.Comparisons.Count * ((2 * Pitch) + GroupGap));
        return Svg.Picture(
            Width,
            bottom + 50,
            "Our tokens a second as multiples of llama.cpp's",
            string.Join("; ", report.Comparisons.Select(c => string.Create(
                CultureInfo.InvariantCulture, $"{c.Model} against {c.Peer}: prompt {c.PromptRatio.Median:G3}, decode {c.DecodeRatio.Median:G3}"))),
            [
                Svg.Text(20, 24, $"Our tokens a second as multiples of llama.cpp's, {report.Day}", weight: "bold"),
                Svg.Box(20, 34, 12, 12, PromptColor), Svg.Text(38, 44, "prompt"),
                Svg.Box(98, 34, 12, 12, DecodeColor), Svg.Text(116, 44, "decode; thin line: lowest to highest round"),
                .. Grid(axis, bottom),
                .. report.Comparisons.Index().SelectMany(entry => Bars(axis, entry.Item, Top + (entry.Index * ((2 * Pitch) + GroupGap)))),
            ]);
    }

    private static IEnumerable<XElement> Grid(Axis axis, int bottom)
    {
        foreach (double tick in Ticks.Where(axis.Has))
        {
            yield return Svg.Line(string.Create(CultureInfo.InvariantCulture, $"M{Svg.Number(axis.At(tick))} {Top - 6}V{bottom}"), Math.Abs(tick - 1) < 0.01 ? SpreadColor : GridColor);
            yield return Svg.Text(axis.At(tick), bottom + 16, tick.ToString("G3", CultureInfo.InvariantCulture), "middle");
        }
        yield return Svg.Text(axis.At(1) - 8, bottom + 36, "llama.cpp faster", "end");
        yield return Svg.Text(axis.At(1) + 8, bottom + 36, "ours faster");
    }

    private static IEnumerable<XElement> Bars(Axis axis, Comparison comparison, int top)
    {
        yield return Svg.Text(PlotLeft - 12, top + Pitch + 2, $"{comparison.Model}, {comparison.Peer}", "end");
        foreach (XElement element in Bar(axis, comparison.PromptRatio, top, PromptColor).Concat(Bar(axis, comparison.DecodeRatio, top + Pitch, DecodeColor)))
            yield return element;
    }

    private static IEnumerable<XElement> Bar(Axis axis, Spread ratio, int top, string color)
    {
        double one = axis.At(1), end = axis.At(ratio.Median), middle = top + (BarHeight / 2);
        yield return Svg.Box((int)Math.Min(one, end), top, Math.Max(1, (int)Math.Abs(end - one)), BarHeight, color);
        yield return Svg.Line($"M{Svg.Number(axis.At(ratio.Lowest))} {Svg.Number(middle)}H{Svg.Number(axis.At(ratio.Highest))}", SpreadColor, 1.5);
        bool toTheRight = ratio.Median >= 1;
        double label = axis.At(toTheRight ? ratio.Highest : ratio.Lowest) + (toTheRight ? 6 : -6);
        yield return Svg.Text(label, middle + 4, ratio.Median.ToString("G3", CultureInfo.InvariantCulture), toTheRight ? "start" : "end");
    }

    private readonly record struct Axis(double Lowest, double Highest)
    {
        public bool Has(double value) => value >= Lowest && value <= Highest;

        public double At(double ratio) => PlotLeft + ((PlotRight - PlotLeft) * Math.Log(ratio / Lowest) / Math.Log(Highest / Lowest));
    }
}
