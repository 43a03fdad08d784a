using System.Globalization;
using System.Text;
using Gemma2.Benchmarks.Peers.Accuracy;
using Gemma2.Benchmarks.Sides;
using Gemma2.Cli.Benchmarks;

namespace Gemma2.Benchmarks.Peers.Reports;

/// <summary>A report as the tables of docs/performance.md.</summary>
internal static class MarkdownReport
{
    private const string Begin = "<!-- peers: begin, written by tests/benchmarks/peers/run.sh -->";
    private const string End = "<!-- peers: end -->";

    /// <summary>Puts the report between its marks in a document that has them.</summary>
    public static void Update(string document, Report report, string? plot)
    {
        string text = File.ReadAllText(document);
        int begin = text.IndexOf(Begin, StringComparison.Ordinal), end = text.IndexOf(End, StringComparison.Ordinal);
        if (begin < 0 || end < begin) throw new InvalidOperationException($"{document} lacks the lines '{Begin}' and '{End}'.");
        File.WriteAllText(document, $"{text[..(begin + Begin.Length)]}\n{Write(report, plot)}{text[end..]}");
    }

    /// <summary>The whole report.</summary>
    public static string Write(Report report, string? plot)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"Measured {report.Day} with `{report.Command}` at {report.Revision}: {report.Processor}, {report.Threads} threads on both sides, {report.System}.\n\n");
        if (report.Comparisons.Count > 0) AppendSpeed(text, report, plot);
        if (report.LogitErrors.Count > 0) AppendErrors(text, report.LogitErrors);
        return text.ToString();
    }

    private static void AppendSpeed(StringBuilder text, Report report, string? plot)
    {
        if (plot is not null) text.Append(CultureInfo.InvariantCulture, $"![Our tokens a second as multiples of llama.cpp's]({plot})\n\n");
        text.Append("Ours as a multiple of theirs, median (lowest to highest) of the rounds, each round one turn of either side; tokens a second are medians.\n\n");
        text.Append("| model | peer | prompt + new tokens | rounds | **prompt ratio** | **decode ratio** | prompt tok/s, ours / theirs | decode tok/s, ours / theirs | ratio by processor time, prompt / decode | other programs' share of the processors |\n");
        text.Append("|---|---|---|---|---|---|---|---|---|---|\n");
        foreach (Comparison c in report.Comparisons)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {c.Model} | {c.Peer} | {c.PromptTokens} + {c.DecodeTokens} | {c.Rounds.Count} | {Show(c.PromptRatio)} | {Show(c.DecodeRatio)} ");
            text.Append(CultureInfo.InvariantCulture, $"| {Rate(c.OurPromptRate)} / {Rate(c.TheirPromptRate)} | {Rate(c.OurDecodeRate)} / {Rate(c.TheirDecodeRate)} ");
            text.Append(CultureInfo.InvariantCulture, $"| {Digits.Of(c.PromptCpuRatio.Median)} / {Digits.Of(c.DecodeCpuRatio.Median)} | {c.OtherWork.Median:P0} ({c.OtherWork.Lowest:P0} to {c.OtherWork.Highest:P0}) |\n");
        }
        text.Append("\nWhat ran:\n\n");
        foreach (Comparison c in report.Comparisons)
        {
            text.Append(CultureInfo.InvariantCulture, $"- {c.Model}: ours {c.Ours.Backend}, loaded in {Digits.Of(c.Ours.LoadSeconds)} s, {c.OurPeakBytes / 1e9:F1} GB resident at most; ");
            text.Append(CultureInfo.InvariantCulture, $"theirs {c.Theirs.Engine}, {c.Theirs.Backend}, {Digits.Of(c.Theirs.LoadSeconds)} s, {c.TheirPeakBytes / 1e9:F1} GB\n");
        }
        text.Append('\n');
    }

    private static void AppendErrors(StringBuilder text, IReadOnlyList<LogitError> errors)
    {
        text.Append("Error of the logits after the last token against double precision on the same file (root mean square over all logits of all prompts; largest in brackets).\nWithout `--kv` ours keeps a float16 cache beside quantized weights, and a float32 cache beside others:\n\n");
        text.Append("| file | KV cache | prompts | ours | llama.cpp | **ours / theirs** |\n|---|---|---|---|---|---|\n");
        foreach (LogitError e in errors)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {e.Model} | {e.KvCache} | {e.Prompts} | {Error(e.Ours)} | {Error(e.Theirs)} | {Digits.Of(e.Ratio)} ({Digits.Of(e.LargestRatio)}) |\n");
        }
        text.Append('\n');
    }

    private static string Show(Spread ratio) => $"**{Digits.Of(ratio.Median)}** ({Digits.Of(ratio.Lowest)} to {Digits.Of(ratio.Highest)})";

    private static string Rate(Spread rate) => Digits.Of(rate.Median);

    private static string Error(ErrorSize error) => $"{Digits.Of(error.RootMeanSquare)} ({Digits.Of(error.Largest)})";
}
