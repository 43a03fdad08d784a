using System.Globalization;
using Gemma2.Cli.Benchmarks.Profiling;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Benchmarks;

/// <summary>A report as people read it: every rate beside the share of what the device reaches.</summary>
internal static class BenchText
{
    private const double Giga = 1e9;

    /// <summary>Prints the tables.</summary>
    public static void Print(BenchReport report)
    {
        Tables.Print([report.Model, report.Device], Facts(report));
        Console.WriteLine();
        Tables.Print(
            ["at once", "prompt tokens/s", "share of arithmetic", "decode tokens/s", "share of bandwidth", "read per token", "first token"],
            report.Runs.Select(Row));
        Console.WriteLine();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"Prompts of {report.PromptTokens} tokens, {report.DecodeTokens} new ones; median (lowest to highest) of {report.Rounds} rounds. Shares are of what the device reached here, alone, before."));
        if (report.Profile is not { } profile) return;
        Print("prompt", profile.Prompt);
        Print("decode", profile.Decode);
    }

    private static void Print(string phase, PhaseTime time)
    {
        Console.WriteLine();
        Tables.Print(
            [$"{phase}: {time.Passes} passes, {Number(time.Milliseconds)} ms", "shader", "shape", "calls", "ms", "share", "GB/s", "of bandwidth"],
            time.Kernels.Select(kernel => (IReadOnlyList<string>)
            [
                kernel.Step,
                kernel.Shader,
                kernel.Shape,
                kernel.Calls.ToString(CultureInfo.InvariantCulture),
                Number(kernel.Milliseconds),
                Percent(kernel.Share),
                kernel.BytesPerSecond is { } rate ? Number(rate / Giga) : "",
                kernel.BandwidthShare is { } share ? Percent(share) : "",
            ]));
    }

    private static IEnumerable<IReadOnlyList<string>> Facts(BenchReport report)
    {
        PeakReport peaks = report.Peaks;
        yield return ["driver", report.Driver];
        yield return ["memory bandwidth", $"{Number(peaks.BytesPerSecond / Giga)} GB/s: reading {Of(peaks.ReadBytesPerSecond, Giga)}, copying {Of(peaks.CopyBytesPerSecond, Giga)}"];
        yield return ["float32 arithmetic", $"{Number(peaks.BestOperationsPerSecond / Giga)} Gop/s: {Of(peaks.OperationsPerSecond, Giga)}"];
        yield return ["load", $"{Number(report.LoadSeconds)} s, then {Number(report.WarmUpSeconds)} s until every shader had run"];
        yield return ["memory", $"{Sizes.Describe(report.Memory.WeightBytes)} weights, {Sizes.Describe(report.Memory.DeviceBytes)} on the device in all; "
            + $"the process had {Sizes.Describe(report.Memory.ProcessPeakBytes)} at most"];
    }

    private static IReadOnlyList<string> Row(BenchRun run) =>
    [
        run.Sequences.ToString(CultureInfo.InvariantCulture),
        Of(run.PromptTokensPerSecond),
        Percent(run.ArithmeticShare),
        Of(run.DecodeTokensPerSecond),
        Percent(run.BandwidthShare),
        Sizes.Describe((long)run.BytesPerToken),
        $"{Number(run.FirstTokenSeconds.Median)} s",
    ];

    private static string Of(Spread spread, double unit = 1) =>
        $"{Number(spread.Median / unit)} ({Number(spread.Lowest / unit)} to {Number(spread.Highest / unit)})";

    private static string Percent(Spread share) => $"{Percent(share.Median)} ({Percent(share.Lowest)} to {Percent(share.Highest)})";

    private static string Percent(double share) => share.ToString("P1", CultureInfo.InvariantCulture);

    // Three digits.
    private static string Number(double value) => value.ToString(value >= 1000 ? "N0" : "G3", CultureInfo.InvariantCulture);
}
