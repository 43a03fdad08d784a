using System.Globalization;

namespace Gemma2.Chaos.Tests;

/// <summary>How big a run is. Without settings it is the short form; <c>scripts/chaos.sh</c> sets them for the long one.</summary>
internal sealed record ChaosOptions
{
    /// <summary>Everything that is drawn is drawn from it. What processes do at the same time it does not decide.</summary>
    public int Seed { get; init; } = Integer("SEED", 20260614);

    /// <summary>Whether the processes are Functions hosts, with the app as their worker.</summary>
    public bool IsHosted { get; init; }

    /// <summary>How many processes work.</summary>
    public int Processes { get; init; } = Integer("PROCESSES", 2);

    /// <summary>Requests in each batch.</summary>
    public int Requests { get; init; } = Integer("REQUESTS", 80);

    /// <summary>How long new work comes and things break; null ends that when each kind of trouble has been made once and the first work is done.</summary>
    public TimeSpan? Time { get; init; } = Environment.GetEnvironmentVariable(Prefix + "MINUTES") is null ? null : TimeSpan.FromMinutes(Integer("MINUTES", 0));

    /// <summary>How many batches are in work at once, and how many different inputs there are.</summary>
    public int Batches { get; init; } = 3;

    /// <summary>Single jobs that are in work at once.</summary>
    public int Jobs { get; init; } = 16;

    /// <summary>How long, at most, what is left may take when nothing breaks any more.</summary>
    public TimeSpan Patience => TimeSpan.FromMinutes(8) + (Time ?? TimeSpan.Zero) / 2;

    private const string Prefix = "GEMMA2_CHAOS_";

    private static int Integer(string name, int byDefault) =>
        Environment.GetEnvironmentVariable(Prefix + name) is { Length: > 0 } text ? int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture) : byDefault;
}
