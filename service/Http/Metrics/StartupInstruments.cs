using System.Diagnostics.Metrics;
using Gemma2.Backend.Startup;
using Gemma2.Service.Telemetry;

namespace Gemma2.Service.Http.Metrics;

/// <summary>The stages of the start that is under way, or was last. Stages that still last are left out.</summary>
internal static class StartupInstruments
{
    public static void AddTo(Meter meter, Startups startups)
    {
        meter.CreateObservableGauge("gemma2.startup.stage", () => OfStages(startups, (_, stage) => stage.Length?.TotalSeconds), "s", "How long a stage of the start took.");
        meter.CreateObservableGauge(
            "gemma2.startup.stage.waited", () => OfStages(startups, (report, stage) => report.WaitedFor(stage).TotalSeconds), "s", "How long the start waited for nothing but this stage.");
        meter.CreateObservableGauge("gemma2.startup.stage.size", () => OfStages(startups, (_, stage) => stage.Bytes > 0 ? stage.Bytes : null), "By", "How much a stage of the start read.");
        meter.CreateObservableGauge("gemma2.startup.ready", () => Of(startups.Current.Report().Ready), "s", "From the start of the process, or of a later load, until the model was ready.");
        meter.CreateObservableGauge("gemma2.startup.first_token", () => Of(startups.Current.Report().FirstToken?.End), "s", "From the start until somebody got the first token.");
    }

    // Stages that have one name are one series.
    private static IEnumerable<Measurement<double>> OfStages(Startups startups, Func<StartupReport, StartupStage, double?> value)
    {
        StartupReport report = startups.Current.Report();
        return report.Stages.Where(stage => stage.End is not null && value(report, stage) is not null)
            .GroupBy(stage => (stage.Name, stage.Of))
            .Select(stages => new Measurement<double>(stages.Sum(stage => value(report, stage))!.Value, Labels(stages.Key.Name, stages.Key.Of)));
    }

    private static KeyValuePair<string, object?>[] Labels(string stage, string? of) =>
        of is null ? [new("stage", stage)] : [new("stage", stage), new("of", of)];

    private static IEnumerable<Measurement<double>> Of(TimeSpan? time) => time is { } known ? [new Measurement<double>(known.TotalSeconds)] : [];
}
