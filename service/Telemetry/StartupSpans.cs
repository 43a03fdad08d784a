using System.Diagnostics;
using Gemma2.Backend.Startup;

namespace Gemma2.Service.Telemetry;

/// <summary>Starts as spans of a trace, for whoever listens: <c>startup</c>, with a child for each stage.</summary>
internal static class StartupSpans
{
    /// <summary>The name of the source.</summary>
    public const string Source = "Gemma2.Startup";

    private static readonly ActivitySource Activities = new(Source);

    /// <summary>Tells a start whose model is ready.</summary>
    /// <returns>What the spans that come later belong to; null where nobody listens.</returns>
    public static ActivityContext? Tell(StartupReport report)
    {
        using Activity? startup = Begin("startup", default, report.Start);
        startup?.SetTag("gemma2.model", report.Model).SetTag("gemma2.startup.wait", report.Wait?.Name);
        foreach (StartupStage stage in report.Stages)
            Tell(report, stage, startup?.Context);
        startup?.SetEndTime((report.Start + report.Ready.GetValueOrDefault()).UtcDateTime);
        return startup?.Context;
    }

    /// <summary>Tells one stage, unless it still lasts.</summary>
    public static void Tell(StartupReport report, StartupStage stage, ActivityContext? startup)
    {
        if (startup is not { } parent || stage.End is not { } end)
            return;
        using Activity? activity = Begin(stage.Name, parent, report.Start + stage.Begin);
        activity?.SetTag("gemma2.startup.waited_seconds", report.WaitedFor(stage).TotalSeconds);
        if (stage.Of is not null)
            activity?.SetTag("gemma2.startup.of", stage.Of);
        if (stage.Bytes > 0)
            activity?.SetTag("gemma2.startup.bytes", stage.Bytes);
        activity?.SetEndTime((report.Start + end).UtcDateTime);
    }

    private static Activity? Begin(string name, ActivityContext parent, DateTimeOffset start)
    {
        // Whatever runs here is no part of the trace.
        Activity.Current = null;
        return Activities.StartActivity(name, ActivityKind.Internal, parent, startTime: start);
    }
}
