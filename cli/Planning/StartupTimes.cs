using Gemma2.Backend;
using Gemma2.Backend.Startup;
using Gemma2.Cli.Planning.Settings;
using Gemma2.Cli.Startups;

namespace Gemma2.Cli.Planning;

/// <summary>The app's own part of a cold start, as it was measured: weights are read after some stages, beside others and before the rest.</summary>
/// <param name="Source">What was measured, in a few words.</param>
/// <param name="BeforeSeconds">Until the weights begin.</param>
/// <param name="BesideSeconds">What goes on beside the weights takes so long from there.</param>
/// <param name="AfterSeconds">From when both are done until the model is ready.</param>
/// <param name="BytesPerSecond">How fast the weights came; null where the file does not say.</param>
internal sealed record StartupTimes(string Source, double BeforeSeconds, double BesideSeconds, double AfterSeconds, double? BytesPerSecond)
{
    /// <summary>From the process's start until the model is ready, when its weights take so long.</summary>
    public double Seconds(double weightSeconds) => BeforeSeconds + Math.Max(weightSeconds, BesideSeconds) + AfterSeconds;

    /// <summary>The last start of a file that came to its end.</summary>
    /// <exception cref="PlanException">There is none, or it read no weights.</exception>
    public static StartupTimes Read(string file)
    {
        try
        {
            StartupReport start = StartupFile.Parse(PlanFile.ReadText(file), file).LastOrDefault(start => start.Ready is not null)
                ?? throw new PlanException($"{file}: the model was not ready at the end of any of its starts.");
            return Of(start) ?? throw new PlanException($"{file}: its start has no stage '{StartupStages.Weights}' before the model was ready.");
        }
        catch (Gemma2Exception error) when (error is not PlanException)
        {
            throw new PlanException(error.Message, error);
        }
    }

    /// <summary>A start that came to its end; null where it has no weights.</summary>
    public static StartupTimes? Of(StartupReport start)
    {
        if (start.Ready is not { } ready || start.Stages.FirstOrDefault(stage => stage.Name == StartupStages.Weights) is not { End: { } end } weights || end > ready) return null;
        TimeSpan beside = start.Stages
            .Where(stage => IsBeside(stage.Name) && stage.End <= ready)
            .Select(stage => stage.End!.Value).Append(weights.Begin).Max();
        long bytes = weights.Bytes > 0 ? weights.Bytes : start.Stages.Where(stage => stage.Name == StartupStages.File).Sum(stage => stage.Bytes);
        double? rate = bytes > 0 && end > weights.Begin ? bytes / (end - weights.Begin).TotalSeconds : null;
        string source = $"measured: {start.Model} on {start.Machine}, {start.Start.UtcDateTime:yyyy-MM-dd}";
        return new StartupTimes(source, weights.Begin.TotalSeconds, Math.Max(0, (beside - weights.Begin).TotalSeconds), (ready - (beside > end ? beside : end)).TotalSeconds, rate);
    }

    // Pipelines go on into what warms up, which waits for them; nothing waits for the host.
    private static bool IsBeside(string stage) =>
        stage is not (StartupStages.Weights or StartupStages.File or StartupStages.Host or StartupStages.Warm or StartupStages.FirstToken);
}
