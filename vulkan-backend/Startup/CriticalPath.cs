namespace Gemma2.Backend.Startup;

/// <summary>
/// What a start waited for, found from its end back to its begin: whatever ended last before a stage began is what that stage had to wait for. Where there is a gap, because nothing ended right before,
/// it belongs to what was under way in it. The parts lie side by side, and together they are the whole start.
/// </summary>
public static class CriticalPath
{
    /// <summary>The parts, first to last.</summary>
    /// <param name="stages">All stages.</param>
    /// <param name="end">The end of the start; stages that end later held nothing up by their end.</param>
    public static IReadOnlyList<StartupWait> Of(IReadOnlyList<StartupStage> stages, TimeSpan end)
    {
        StartupStage[] considered = [.. Considered(stages)];
        var path = new List<StartupWait>();
        for (TimeSpan now = end; now > TimeSpan.Zero; now = path[^1].Begin) path.Add(Before(considered, now));
        path.Reverse();
        return path;
    }

    private static StartupWait Before(StartupStage[] stages, TimeSpan now)
    {
        StartupStage? ended = stages.Where(stage => stage.End <= now && stage.Begin < now).MaxBy(stage => (stage.End, -stage.Begin));
        if (ended?.End == now) return new StartupWait(ended, Begin(ended, stages), now);
        // Of several, the one that began last says best what was done.
        TimeSpan gap = ended?.End ?? TimeSpan.Zero;
        StartupStage? underWay = stages.Where(stage => stage.Begin < now && (stage.End ?? TimeSpan.MaxValue) > now).MaxBy(stage => stage.Begin);
        return underWay is null ? new StartupWait(null, gap, now) : new StartupWait(underWay, underWay.Begin > gap ? underWay.Begin : gap, now);
    }

    // What warms up first waits for the pipelines that are still compiled.
    private static TimeSpan Begin(StartupStage stage, StartupStage[] stages) => stage.Name != StartupStages.Warm
        ? stage.Begin
        : stages.Where(other => other.Name == StartupStages.Pipelines && other.End > stage.Begin && other.End < stage.End).Select(other => other.End!.Value).Append(stage.Begin).Max();

    // Files are what the weights are made of, and the first token is asked for at any time after the start.
    private static IEnumerable<StartupStage> Considered(IReadOnlyList<StartupStage> stages)
    {
        bool hasWeights = stages.Any(stage => stage.Name == StartupStages.Weights);
        return stages.Where(stage => stage.Name != StartupStages.FirstToken && !(hasWeights && stage.Name == StartupStages.File));
    }
}
