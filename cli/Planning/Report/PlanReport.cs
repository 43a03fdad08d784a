using Gemma2.Cli.Planning.Simulation;

namespace Gemma2.Cli.Planning.Report;

/// <summary>The answer, as <c>gemma2 plan --json</c> prints it. Times are in seconds, times of the simulation counted from its begin.</summary>
/// <param name="Title">A heading.</param>
/// <param name="RatesSource">Where the rates are from, in a few words.</param>
/// <param name="Caution">What the reader must know about the rates: measured, assumed or a bound.</param>
/// <param name="Assumptions">What the answer rests on, for people.</param>
/// <param name="Simulation">The same for programs.</param>
/// <param name="PricePerGpuHour">What an hour of a replica costs; null where nobody said.</param>
/// <param name="Totals">All together.</param>
/// <param name="Rows">Over time, for a table.</param>
/// <param name="Points">Over time, for a plot.</param>
internal sealed record PlanReport(
    string Title, string RatesSource, string Caution, IReadOnlyList<Assumption> Assumptions, SimulationOptions Simulation, double? PricePerGpuHour,
    PlanTotals Totals, IReadOnlyList<PlanRow> Rows, IReadOnlyList<PlanPoint> Points)
{
    private const double SecondsAnHour = 3600;
    private const double Million = 1e6;

    /// <summary>Makes the answer of what the simulation found.</summary>
    public static PlanReport Of(Plan plan, SimulationResult result)
    {
        Timeline timeline = result.Timeline;
        return new PlanReport(
            plan.Title,
            plan.RatesSource,
            plan.Caution,
            plan.Assumptions,
            plan.Simulation,
            plan.PricePerGpuHour,
            TotalsOf(plan, result),
            [.. timeline.Rows.Select((row, index) => RowOf(row.Sum, row.Waits, index * timeline.RowSeconds, plan.PricePerGpuHour))],
            [.. PointsOf(timeline, plan.PricePerGpuHour)]);
    }

    private static PlanTotals TotalsOf(Plan plan, SimulationResult result)
    {
        TimelineSlot total = result.Timeline.Total;
        double gpuHours = total.BilledSeconds / SecondsAnHour;
        double? cost = gpuHours * plan.PricePerGpuHour;
        return new PlanTotals(
            total.Seconds / SecondsAnHour, total.Arrived, total.Served, result.Waiting, result.InWork, result.OldestWaiting, result.Redelivered,
            result.PromptTokens, result.NewTokens,
            LatencyReport.Of(result.Waits), LatencyReport.Of(result.FirstTokens), LatencyReport.Of(result.Answers),
            gpuHours, total.MostBilled, total.BilledSeconds / total.Seconds,
            total.SecondsAtZero / total.Seconds, Share(total.BusySeconds, total.BilledSeconds), Share(total.InWorkSeconds, total.BusySeconds),
            cost, PerMillion(cost, result.NewTokens), PerMillion(cost, result.PromptTokens + result.NewTokens));
    }

    private static PlanRow RowOf(TimelineSlot sum, LatencyHistogram waits, double start, double? price) => new(
        start, sum.Seconds, sum.Arrived, sum.Served,
        sum.BilledSeconds / sum.Seconds, sum.MostBilled, sum.QueueSeconds / sum.Seconds, sum.MostQueued,
        LatencyReport.Of(waits), sum.BilledSeconds / SecondsAnHour, sum.BilledSeconds / SecondsAnHour * price);

    private static IEnumerable<PlanPoint> PointsOf(Timeline timeline, double? price)
    {
        double gpuHours = 0;
        foreach ((int index, TimelineSlot slot) in timeline.Slots.Index())
        {
            gpuHours += slot.BilledSeconds / SecondsAnHour;
            yield return new PlanPoint(
                (index + 1) * timeline.SlotSeconds, slot.QueueSeconds / slot.Seconds, slot.MostQueued,
                slot.BilledSeconds / slot.Seconds, slot.ReadySeconds / slot.Seconds, gpuHours, gpuHours * price);
        }
    }

    private static double? Share(double part, double whole) => whole > 0 ? part / whole : null;

    private static double? PerMillion(double? cost, long tokens) => tokens > 0 ? cost / tokens * Million : null;
}

/// <summary>All together.</summary>
/// <param name="Hours">The simulated time.</param>
/// <param name="Requests">Requests that came.</param>
/// <param name="Answered">Requests that were answered.</param>
/// <param name="WaitingAtEnd">Requests that nobody worked on at the end.</param>
/// <param name="InWorkAtEnd">Requests in work at the end.</param>
/// <param name="OldestWaitingSeconds">How long the oldest of the waiting ones had waited.</param>
/// <param name="Redelivered">How often a request was begun and came again.</param>
/// <param name="PromptTokens">Prompt tokens of the answered requests.</param>
/// <param name="NewTokens">Their new tokens.</param>
/// <param name="Wait">From arrival until a replica takes a request.</param>
/// <param name="TimeToFirstToken">From arrival until the prompt is done.</param>
/// <param name="TimeToAnswer">From arrival until the answer is whole.</param>
/// <param name="GpuHours">Billed time of all replicas.</param>
/// <param name="MostReplicas">Most replicas at once.</param>
/// <param name="MeanReplicas">Replicas in the mean.</param>
/// <param name="ShareOfTimeAtZero">Share of the time without any replica.</param>
/// <param name="BusyShare">Share of the billed time in which a replica had work; null where nothing was billed.</param>
/// <param name="SequencesWhileBusy">Requests that a replica worked on at once, while it had work; null where none had any.</param>
/// <param name="Cost">GPU-hours times their price; null without a price.</param>
/// <param name="CostPerMillionNewTokens">Cost over new tokens; null without a price or a token.</param>
/// <param name="CostPerMillionTokens">Cost over prompt and new tokens; null likewise.</param>
internal sealed record PlanTotals(
    double Hours, long Requests, long Answered, long WaitingAtEnd, long InWorkAtEnd, double OldestWaitingSeconds, long Redelivered,
    long PromptTokens, long NewTokens, LatencyReport? Wait, LatencyReport? TimeToFirstToken, LatencyReport? TimeToAnswer,
    double GpuHours, int MostReplicas, double MeanReplicas, double ShareOfTimeAtZero, double? BusyShare, double? SequencesWhileBusy,
    double? Cost, double? CostPerMillionNewTokens, double? CostPerMillionTokens);

/// <summary>Times of requests, in seconds.</summary>
/// <param name="Mean">The mean.</param>
/// <param name="P50">The median.</param>
/// <param name="P90">What nine tenths do not exceed.</param>
/// <param name="P99">What 99 of 100 do not exceed.</param>
/// <param name="Longest">The longest.</param>
internal sealed record LatencyReport(double Mean, double P50, double P90, double P99, double Longest)
{
    /// <summary>Null where there were no requests.</summary>
    public static LatencyReport? Of(LatencyHistogram times) => times.Count == 0
        ? null
        : new LatencyReport(times.Mean, times.Percentile(0.5), times.Percentile(0.9), times.Percentile(0.99), times.Longest);
}

/// <summary>A stretch of time.</summary>
/// <param name="Start">Its begin.</param>
/// <param name="Seconds">Its length.</param>
/// <param name="Requests">Requests that came in it.</param>
/// <param name="Answered">Requests that were answered in it.</param>
/// <param name="Replicas">Billed replicas, the mean.</param>
/// <param name="MostReplicas">Billed replicas, the most.</param>
/// <param name="Queue">Messages that nobody worked on, the mean.</param>
/// <param name="MostQueued">Messages that nobody worked on, the most.</param>
/// <param name="Wait">Waits of the requests that came in it and were answered; null where there are none.</param>
/// <param name="GpuHours">Billed time.</param>
/// <param name="Cost">Its cost; null without a price.</param>
internal sealed record PlanRow(
    double Start, double Seconds, long Requests, long Answered, double Replicas, int MostReplicas, double Queue, long MostQueued,
    LatencyReport? Wait, double GpuHours, double? Cost);

/// <summary>A point of the plot: what held in the short time before it.</summary>
/// <param name="Time">When.</param>
/// <param name="Queue">Messages that nobody worked on, the mean.</param>
/// <param name="MostQueued">Messages that nobody worked on, the most.</param>
/// <param name="Replicas">Billed replicas, the mean.</param>
/// <param name="ReadyReplicas">Replicas that took messages, the mean.</param>
/// <param name="GpuHours">Billed time since the begin.</param>
/// <param name="Cost">Cost since the begin; null without a price.</param>
internal sealed record PlanPoint(double Time, double Queue, long MostQueued, double Replicas, double ReadyReplicas, double GpuHours, double? Cost);
