using Gemma2.Cli.Benchmarks;

namespace Gemma2.Benchmarks.Startup;

/// <summary>The first requests at once after the app was ready, as a multiple of the time of later ones.</summary>
/// <param name="Requests">How many at once.</param>
/// <param name="Ratio">The first as a multiple of the median of those that followed, process by process.</param>
/// <param name="FirstSeconds">Until all of the first were answered.</param>
internal sealed record Burst(int Requests, Spread Ratio, Spread FirstSeconds)
{
    private const int Tokens = 8;
    private const int Later = 5;

    /// <summary>Measures, each round in a new process.</summary>
    public static async Task<Burst> TakeAsync(Way way, int requests, int rounds, Action<string> say)
    {
        var ratios = new List<double>();
        var firsts = new List<double>();
        for (int round = 0; round < rounds; round++)
        {
            await using var process = StartedProcess.Start(way);
            await process.ReadyAsync();
            double first = await process.SendAtOnceAsync(requests, Tokens, number: 0);
            var later = new List<double>();
            for (int i = 1; i <= Later; i++) later.Add(await process.SendAtOnceAsync(requests, Tokens, number: i));
            firsts.Add(first);
            ratios.Add(first / Spread.Of(later).Median);
        }
        var burst = new Burst(requests, Spread.Of(ratios), Spread.Of(firsts));
        say(FormattableString.Invariant($"the first {requests} at once: {burst.Ratio.Median:F2} times as long as later ones"));
        return burst;
    }
}
