using Gemma2.Benchmarks.Serving.Reports;
using Gemma2.Benchmarks.Sides.Loads;

namespace Gemma2.Benchmarks.Serving.Scenarios;

/// <summary>A few interactive clients, first alone, then beside a batch that takes every slot.</summary>
/// <param name="slots">Of either side.</param>
internal sealed class ClassesScenario(int slots) : IScenario
{
    private const int InteractiveClients = 2;
    private const double PauseShare = 1;

    private static readonly Column[] Columns =
    [
        new("requests", "interactive requests"), new("first_p50", "their first token p50, s"), new("first_p95", "p95"), new("of_idle", "**p95, of p95 without a batch**"),
        new("less_step", "**the same less one step**"), new("gap_p50", "per token p50, s"), new("step", "the batch's step p50, s"), new("batch_rate", "batch: new tokens/s"),
        new("batch_share", "**of the batch alone**"), new("other_work", "other programs' share"),
    ];

    /// <inheritdoc/>
    public string Name => "classes";

    /// <inheritdoc/>
    public async Task<ScenarioReport> RunAsync(Contest contest, ServingSettings settings, Action<string> say)
    {
        Lane interactive = new()
        {
            Clients = InteractiveClients,
            Requests = InteractiveClients * settings.Requests,
            Prompt = settings.Prompt,
            Answer = settings.Answer,
            Seed = settings.Seed,
        };
        Lane batch = interactive with { Clients = slots, Requests = slots * 2, IsBatch = true };
        IReadOnlyDictionary<string, SideRuns> lone = await contest.RunAsync("a lone request", new Load([interactive with { Clients = 1, Requests = 1 }]), 1, say);
        interactive = interactive with { MeanPause = PauseShare * lone.Values.Min(run => run.Lane(0).Max(request => request.Tokens[^1] - request.Sent)) };
        IReadOnlyDictionary<string, SideRuns> idle = await contest.RunAsync("interactive alone", new Load([interactive]), settings.Rounds, say);
        IReadOnlyDictionary<string, SideRuns> alone = await contest.RunAsync("batch alone", new Load([batch]), settings.Rounds, say);
        IReadOnlyDictionary<string, SideRuns> both = await contest.RunAsync("interactive beside batch", new Load([interactive, batch with { Requests = null }]), settings.Rounds, say);
        return new ScenarioReport(
            Name,
            $"What a batch costs those who wait: {InteractiveClients} clients send interactive requests (Poisson, with pauses as long as a lone request takes), first alone, then while a batch of {slots} requests at once, more than enough to fill all {slots} slots, is worked on. llama.cpp knows no classes: there a new request waits for a free slot.",
            "p95 of the time to the first token beside the batch as a multiple of p95 without it: lower is better; the same less one step of the batch takes out what nobody can spare a request, the step that is running when it comes. The batch's share is what it still gets done of its tokens a second alone: it must not be 0.",
            Columns,
            [.. idle.Keys.SelectMany(side => (Row[])[new Row("alone", side, Values(idle[side])), new Row("beside a batch", side, Values(both[side], idle[side], alone[side]))])]);
    }

    private static Dictionary<string, double> Values(SideRuns runs)
    {
        RequestTimes[] requests = [.. runs.Lane(0)];
        double[] first = [.. requests.Select(request => request.FirstTokenSeconds)];
        return new Dictionary<string, double>
        {
            ["requests"] = requests.Length,
            ["first_p50"] = Percentile.Of(first, 50),
            ["first_p95"] = Percentile.Of(first, 95),
            ["gap_p50"] = Percentile.Of(requests.SelectMany(request => request.Gaps), 50),
            ["other_work"] = runs.MostOtherWork,
        };
    }

    private static Dictionary<string, double> Values(SideRuns both, SideRuns idle, SideRuns alone)
    {
        Dictionary<string, double> values = Values(both), without = Values(idle);
        values["step"] = Percentile.Of(both.Lane(1).SelectMany(request => request.Gaps), 50);
        values["of_idle"] = values["first_p95"] / without["first_p95"];
        values["less_step"] = (values["first_p95"] - values["step"]) / without["first_p95"];
        values["batch_rate"] = both.Results.Sum(BatchTokens) / both.Results.Sum(InteractiveSeconds);
        values["batch_share"] = values["batch_rate"] / alone.TokenRate;
        return values;
    }

    /// <summary>Tokens of the batch while interactive clients were there.</summary>
    private static double BatchTokens(LoadResult result)
    {
        (double begin, double end) = Interactive(result);
        return result.Requests.Where(request => request.Lane == 1).Sum(request => request.Tokens.Count(time => time >= begin && time <= end));
    }

    private static double InteractiveSeconds(LoadResult result)
    {
        (double begin, double end) = Interactive(result);
        return end - begin;
    }

    private static (double Begin, double End) Interactive(LoadResult result)
    {
        RequestTimes[] interactive = [.. result.Requests.Where(request => request.Lane == 0)];
        return (interactive.Min(request => request.Sent), interactive.Max(request => request.Tokens[^1]));
    }
}
