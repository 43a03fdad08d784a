namespace Gemma2.Backend.Startup;

/// <summary>A start as far as it is known, and what it waited for.</summary>
/// <param name="Start">The moment from which all times count.</param>
/// <param name="Machine">The name of the machine, or of the replica.</param>
/// <param name="Model">The model's name; null before it is ready.</param>
/// <param name="Ready">When the model could answer; null before.</param>
/// <param name="Stages">The stages in the order in which they began.</param>
public sealed record StartupReport(DateTimeOffset Start, string Machine, string? Model, TimeSpan? Ready, IReadOnlyList<StartupStage> Stages)
{
    /// <summary>The parts of the start one after the other, each with the stage that was waited for, until the model was ready or until the last stage that has ended.</summary>
    public IReadOnlyList<StartupWait> Waits => field ??= CriticalPath.Of(Stages, Ready ?? Stages.Max(stage => stage.End) ?? TimeSpan.Zero);

    /// <summary>The stage that was waited for longest; null where none was.</summary>
    public StartupStage? Wait => Stages.MaxBy(WaitedFor) is { } stage && WaitedFor(stage) > TimeSpan.Zero ? stage : null;

    /// <summary>The stage of the first token that somebody asked for; null before.</summary>
    public StartupStage? FirstToken => Stages.FirstOrDefault(stage => stage.Name == StartupStages.FirstToken);

    /// <summary>How long a stage was waited for.</summary>
    public TimeSpan WaitedFor(StartupStage stage) => Sum(wait => ReferenceEquals(wait.Stage, stage));

    /// <summary>How long no stage was under way.</summary>
    public TimeSpan Between => Sum(wait => wait.Stage is null);

    private TimeSpan Sum(Func<StartupWait, bool> isMeant) => Waits.Where(isMeant).Aggregate(TimeSpan.Zero, (sum, wait) => sum + wait.Length);
}
