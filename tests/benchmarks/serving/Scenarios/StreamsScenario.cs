using Gemma2.Benchmarks.Serving.Reports;
using Gemma2.Benchmarks.Sides;
using Gemma2.Benchmarks.Sides.Loads;

namespace Gemma2.Benchmarks.Serving.Scenarios;

/// <summary>More and more clients, each with one request after the other.</summary>
internal sealed class StreamsScenario : IScenario
{
    // Of the time that a lone request of middling length takes on the faster side.
    private const double PauseShare = 0.1;

    private static readonly Column[] Columns =
    [
        new("streams", "streams"), new("requests", "requests"), new("token_rate", "new tokens/s"), new("of_one", "**of one stream's**"), new("ratio", "**of the peer's**"),
        new("prompt_rate", "prompt tokens/s"), new("first_p50", "first token p50, s"), new("first_p99", "p99"), new("first_ratio", "**p50, of the peer's**"), new("gap_p50", "per token p50, s"),
        new("gap_p99", "p99"), new("gap_ratio", "**p50, of the peer's**"), new("other_work", "other programs' share"),
    ];

    /// <inheritdoc/>
    public string Name => "streams";

    /// <inheritdoc/>
    public async Task<ScenarioReport> RunAsync(Contest contest, ServingSettings settings, Action<string> say)
    {
        double pause = await PauseAsync(contest, settings, say);
        var rows = new List<Row>();
        foreach (int streams in settings.Streams)
        {
            var lane = new Lane
            {
                Clients = streams,
                Requests = streams * settings.Requests,
                Prompt = settings.Prompt,
                Answer = settings.Answer,
                MeanPause = pause,
                Seed = settings.Seed,
            };
            rows.AddRange(Rows(streams, await contest.RunAsync($"{streams} streams", new Load([lane]), settings.Rounds, say), rows));
        }
        return new ScenarioReport(
            Name,
            FormattableString.Invariant(
                $"How much more a server does for many clients than for one, and what each of them waits. Every client sends one request after the other, each after a pause (exponential, {Digits.Of(pause)} s in the mean, so that arrivals are Poisson); prompts of {settings.Prompt.Least} to {settings.Prompt.Most} tokens, answers of {settings.Answer.Least} to {settings.Answer.Most}, each doubling as likely as the next; both sides get the same."),
            "Tokens a second count while no client has run out of requests, prompts are read in between. First token: from sending to it; per token: from one token of a request to its next, over all requests, so that p99 shows who is held up by the prompts of others. Higher is better of tokens a second and their ratios, lower of times and theirs.",
            Columns,
            rows,
            new Plot("New tokens a second, of one stream's", "streams", "of_one"));
    }

    private static async Task<double> PauseAsync(Contest contest, ServingSettings settings, Action<string> say)
    {
        var prompt = new Lengths(settings.Prompt.At(0.5), settings.Prompt.At(0.5));
        var answer = new Lengths(settings.Answer.At(0.5), settings.Answer.At(0.5));
        IReadOnlyDictionary<string, SideRuns> runs = await contest.RunAsync(
            "a lone request", new Load([new Lane { Clients = 1, Requests = 1, Prompt = prompt, Answer = answer }]), 1, say);
        return PauseShare * runs.Values.Min(run => run.Lane(0).Max(request => request.Tokens[^1] - request.Sent));
    }

    private static IEnumerable<Row> Rows(int streams, IReadOnlyDictionary<string, SideRuns> runs, IReadOnlyList<Row> before)
    {
        Dictionary<string, double>[] sides = [.. runs.Values.Select(Values)];
        foreach ((int i, string side) in runs.Keys.Index())
        {
            sides[i]["streams"] = streams;
            double one = before.FirstOrDefault(row => row.Side == side)?.Values["token_rate"] ?? sides[i]["token_rate"];
            sides[i]["of_one"] = sides[i]["token_rate"] / one;
            if (side == SideName.Ours && sides.Length > 1)
            {
                sides[i]["ratio"] = sides[i]["token_rate"] / sides[1]["token_rate"];
                sides[i]["first_ratio"] = sides[i]["first_p50"] / sides[1]["first_p50"];
                sides[i]["gap_ratio"] = sides[i]["gap_p50"] / sides[1]["gap_p50"];
            }
            yield return new Row($"{streams}", side, sides[i]);
        }
    }

    private static Dictionary<string, double> Values(SideRuns runs)
    {
        RequestTimes[] requests = [.. runs.Lane(0)];
        double[] first = [.. requests.Select(request => request.FirstTokenSeconds)], gaps = [.. requests.SelectMany(request => request.Gaps)];
        return new Dictionary<string, double>
        {
            ["requests"] = requests.Length,
            ["token_rate"] = runs.TokenRate,
            ["prompt_rate"] = runs.PromptRate,
            ["first_p50"] = Percentile.Of(first, 50),
            ["first_p99"] = Percentile.Of(first, 99),
            ["gap_p50"] = Percentile.Of(gaps, 50),
            ["gap_p99"] = Percentile.Of(gaps, 99),
            ["other_work"] = runs.MostOtherWork,
        };
    }
}
