using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Planning.Report;

/// <summary>Prints the answer for people: what it rests on first, then what happens over time, then the sums.</summary>
internal static class PlanText
{
    private const string None = "-";

    /// <summary>Prints it on stdout.</summary>
    public static void Print(PlanReport report)
    {
        Console.WriteLine(report.Title);
        Console.WriteLine();
        Tables.Print(["assumption", "value", "source"], report.Assumptions.Select(assumption => (string[])[assumption.Name, assumption.Value, assumption.Source]));
        Console.WriteLine();
        Tables.Print(
            ["from", "requests", "replicas", "most", "queue", "most", "wait p50", "wait p99", "GPU-hours", "cost"],
            report.Rows.Select(Row));
        Console.WriteLine();
        Tables.Print(["total", ""], Totals(report.Totals));
        Console.WriteLine();
        Console.WriteLine(report.Caution);
    }

    private static IReadOnlyList<string> Row(PlanRow row) =>
    [
        Figures.Clock(row.Start),
        Figures.Count(row.Requests),
        Figures.Short(row.Replicas),
        Figures.Count(row.MostReplicas),
        Figures.Short(row.Queue),
        Figures.Count(row.MostQueued),
        row.Wait is { } wait ? Figures.Duration(wait.P50) : None,
        row.Wait is { } late ? Figures.Duration(late.P99) : None,
        Figures.Short(row.GpuHours),
        Money(row.Cost),
    ];

    private static IEnumerable<IReadOnlyList<string>> Totals(PlanTotals totals)
    {
        yield return ["requests", $"{Figures.Count(totals.Requests)} came, {Figures.Count(totals.Answered)} were answered"];
        yield return ["at the end", $"{Figures.Count(totals.InWorkAtEnd)} in work, {Figures.Count(totals.WaitingAtEnd)} waiting"
            + (totals.WaitingAtEnd > 0 ? $", the oldest for {Figures.Duration(totals.OldestWaitingSeconds)}" : "")];
        if (totals.Redelivered > 0) yield return ["begun and come again", Figures.Count(totals.Redelivered)];
        yield return ["tokens", $"{Figures.Count(totals.PromptTokens)} of prompts, {Figures.Count(totals.NewTokens)} new"];
        yield return ["wait for a replica", Times(totals.Wait)];
        yield return ["time to first token", Times(totals.TimeToFirstToken)];
        yield return ["time to whole answer", Times(totals.TimeToAnswer)];
        yield return ["replicas", $"{Figures.Short(totals.MeanReplicas)} in the mean, {totals.MostReplicas} at most, "
            + $"none for {Figures.Percent(totals.ShareOfTimeAtZero)} of the time"];
        yield return ["GPU-hours", Figures.Short(totals.GpuHours)
            + (totals.BusyShare is { } busy ? $", {Figures.Percent(busy)} of them with work" : "")
            + (totals.SequencesWhileBusy is { } sequences ? $", {Figures.Short(sequences)} requests at once then" : "")];
        yield return ["cost", Money(totals.Cost)];
        yield return ["cost of a million tokens", $"{Money(totals.CostPerMillionNewTokens)} of new ones, "
            + $"{Money(totals.CostPerMillionTokens)} of prompt and new ones"];
    }

    private static string Times(LatencyReport? times) => times is null
        ? None
        : $"mean {Figures.Duration(times.Mean)}, p50 {Figures.Duration(times.P50)}, p90 {Figures.Duration(times.P90)}, p99 {Figures.Duration(times.P99)}, "
            + $"longest {Figures.Duration(times.Longest)}";

    private static string Money(double? amount) => amount is { } money ? Figures.Money(money) : None;
}
