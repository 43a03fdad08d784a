using Gemma2.Backend.Startup;
using Gemma2.Cli.Benchmarks;

namespace Gemma2.Benchmarks.Startup;

/// <summary>What is cold and what is warm.</summary>
/// <param name="Files">Whether files are in the system's cache.</param>
/// <param name="Pipelines">Whether compiled pipelines are kept from an earlier start.</param>
internal sealed record Condition(bool Files, bool Pipelines)
{
    /// <summary>As tables have it.</summary>
    public string Name => $"{(Files ? "files warm" : "files cold")}, {(Pipelines ? "pipelines warm" : "pipelines cold")}";
}

/// <summary>One start.</summary>
/// <param name="Seconds">From the process's start to the first token.</param>
/// <param name="PeakBytes">Most memory that was resident.</param>
/// <param name="DeviceBytes">Device memory that was taken; null where that is not known.</param>
/// <param name="Timeline">The app's own; null of others.</param>
internal sealed record Start(double Seconds, long PeakBytes, long? DeviceBytes, StartupReport? Timeline);

/// <summary>The starts of one way under one condition, each in a process of its own, in turns with those of the other ways.</summary>
internal sealed record Measurement(Condition Condition, Way Way, IReadOnlyList<Start> Starts)
{
    /// <summary>Seconds to the first token.</summary>
    public Spread Seconds => Spread.Of(Starts.Select(start => start.Seconds));

    /// <summary>The start in the middle.</summary>
    public Start Median => Starts.OrderBy(start => start.Seconds).ElementAt((Starts.Count - 1) / 2);

    /// <summary>Round by round, this way's time as a share of another's.</summary>
    public Spread RatioTo(Measurement other) => Spread.Of(Starts.Zip(other.Starts, (own, theirs) => own.Seconds / theirs.Seconds));

    /// <summary>Measures all ways under one condition: A B A B.</summary>
    public static async Task<IReadOnlyList<Measurement>> TakeAsync(Condition condition, IReadOnlyList<Way> ways, int rounds, Action<string> say)
    {
        // Uncounted: pipelines are compiled, local caches filled, files read.
        foreach (Way way in ways) await TakeAsync(way);
        Dictionary<Way, List<Start>> starts = ways.ToDictionary(way => way, _ => new List<Start>());
        for (int round = 1; round <= rounds; round++)
        {
            foreach (Way way in ways)
            {
                if (!condition.Pipelines) way.ForgetPipelines();
                if (!condition.Files) PageCache.Empty();
                starts[way].Add(await TakeAsync(way));
                say(FormattableString.Invariant($"{condition.Name}, round {round} of {rounds}: {way.Name}: {starts[way][^1].Seconds:F2} s"));
            }
        }
        return [.. ways.Select(way => new Measurement(condition, way, starts[way]))];
    }

    private static async Task<Start> TakeAsync(Way way)
    {
        await using var process = StartedProcess.Start(way);
        double seconds = await process.FirstTokenAsync();
        return new Start(seconds, process.PeakBytes(), await process.DeviceBytesAsync(), await process.TimelineAsync());
    }
}
