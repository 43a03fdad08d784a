using Gemma2.Benchmarks.Serving.Reports;
using Gemma2.Benchmarks.Sides.Loads;

namespace Gemma2.Benchmarks.Serving.Scenarios;

/// <summary>Requests that begin alike.</summary>
internal sealed class PrefixScenario : IScenario
{
    private const int PrefixTokens = 1000;
    private const int OwnTokens = 16;
    private const int AnswerTokens = 8;
    private const int Rounds = 3;

    private static readonly Column[] Columns =
    [
        new("shared", "shared tokens"), new("cached", "of these not computed"), new("first", "first request's first token, s"), new("second", "second's, s"),
        new("ratio", "**second's, of the first's**"), new("least", "lowest"), new("most", "highest"), new("other_work", "other programs' share"),
    ];

    /// <inheritdoc/>
    public string Name => "prefix";

    /// <inheritdoc/>
    public async Task<ScenarioReport> RunAsync(Contest contest, ServingSettings settings, Action<string> say)
    {
        int shared = settings.Scaled(PrefixTokens), whole = shared + settings.Scaled(OwnTokens);
        var lane = new Lane
        {
            Clients = 1,
            Requests = 2,
            SharedTokens = shared,
            Prompt = new Lengths(whole, whole),
            Answer = new Lengths(settings.Scaled(AnswerTokens), settings.Scaled(AnswerTokens)),
        };
        IReadOnlyDictionary<string, SideRuns> runs = await contest.RunAsync("shared prefix", new Load([lane]), Math.Max(Rounds, settings.Rounds), say);
        return new ScenarioReport(
            Name,
            $"What a common beginning saves: two requests, one after the other, whose first {shared} tokens are the same and whose last {whole - shared} are not; in every round others.",
            "The second one's time to its first token as a share of the first one's, median of all rounds: lower is better, 1 is nothing saved. Tokens that were not computed are those whose keys and values were kept.",
            Columns,
            [.. runs.Select(run => new Row("two requests", run.Key, Values(run.Value, shared)))]);
    }

    private static Dictionary<string, double> Values(SideRuns runs, int shared)
    {
        RequestTimes[][] pairs = [.. runs.Results.Select(result => result.Requests.ToArray())];
        double[] ratios = [.. pairs.Select(pair => pair[1].FirstTokenSeconds / pair[0].FirstTokenSeconds)];
        return new Dictionary<string, double>
        {
            ["shared"] = shared,
            ["cached"] = pairs.Min(pair => pair[1].CachedTokens),
            ["first"] = Percentile.Of(pairs.Select(pair => pair[0].FirstTokenSeconds), 50),
            ["second"] = Percentile.Of(pairs.Select(pair => pair[1].FirstTokenSeconds), 50),
            ["ratio"] = Percentile.Of(ratios, 50),
            ["least"] = ratios.Min(),
            ["most"] = ratios.Max(),
            ["other_work"] = runs.MostOtherWork,
        };
    }
}
