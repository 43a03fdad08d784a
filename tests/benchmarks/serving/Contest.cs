using System.Globalization;
using Gemma2.Benchmarks.Sides;
using Gemma2.Benchmarks.Sides.Loads;
using Gemma2.Benchmarks.Sides.Workers;

namespace Gemma2.Benchmarks.Serving;

/// <summary>Both sides with their model loaded, each in a process of its own. Loads are run on them in turn: A B A B, so that whatever else the machine does falls on both.</summary>
internal sealed class Contest : IAsyncDisposable
{
    private readonly List<(string Name, Worker Worker)> _sides = [];
    private int _prompts;

    /// <summary>What runs, by side.</summary>
    public IReadOnlyDictionary<string, SideDescription> Sides => _sides.ToDictionary(side => side.Name, side => side.Worker.Description);

    /// <summary>Loads the model on all sides.</summary>
    public static async Task<Contest> StartAsync(IReadOnlyList<string> sides, string model, SideOptions options, Action<string> say)
    {
        var contest = new Contest();
        try
        {
            foreach (string side in sides)
            {
                say($"{side}: loading");
                contest._sides.Add((side, await Worker.StartAsync(side, model, options)));
            }
            return contest;
        }
        catch
        {
            await contest.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a load on each side in turn. Every load has prompts of its own: none is found in a cache, but for what its lanes share.</summary>
    /// <param name="what">The load's name, to say how far it is.</param>
    /// <param name="load">What clients send.</param>
    /// <param name="rounds">How often.</param>
    /// <param name="say">Told how far it is.</param>
    public async Task<IReadOnlyDictionary<string, SideRuns>> RunAsync(string what, Load load, int rounds, Action<string> say)
    {
        var runs = _sides.ToDictionary(side => side.Name, _ => new SideRuns([], []));
        for (int round = 0; round < rounds; round++)
        {
            Load own = new([.. load.Lanes.Select(lane => lane with { FirstPrompt = ++_prompts, Seed = lane.Seed + round })]);
            foreach ((string name, Worker worker) in _sides)
            {
                (LoadResult result, double otherWork) = await MachineLoad.DuringAsync(() => worker.RunAsync(own), result => result.CpuSeconds);
                runs[name].Results.Add(result);
                runs[name].OtherWork.Add(otherWork);
                say(string.Create(CultureInfo.InvariantCulture, $"{what}, {name}: {result.Requests.Count} requests, {result.Requests.Sum(request => request.Tokens.Count)} tokens in {End(result):F1} s"));
            }
        }
        return runs;
    }

    /// <summary>Lets the processes end.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach ((_, Worker worker) in _sides) await worker.DisposeAsync();
    }

    private static double End(LoadResult result) => result.Requests.Max(request => request.Tokens[^1]);
}

/// <summary>What a side's turns of one load gave.</summary>
/// <param name="Results">One a turn.</param>
/// <param name="OtherWork">Share of the processors that other programs used during each.</param>
internal sealed record SideRuns(List<LoadResult> Results, List<double> OtherWork)
{
    /// <summary>The requests of a lane, of all turns.</summary>
    public IEnumerable<RequestTimes> Lane(int number) => Results.SelectMany(result => result.Requests).Where(request => request.Lane == number);

    /// <summary>New tokens a second while all clients had work.</summary>
    public double TokenRate => Results.Sum(result => result.Requests.Sum(request => request.Tokens.Count(time => time <= result.DrySeconds))) / BusySeconds;

    /// <summary>Prompt tokens a second in the same time: those whose request had its first token.</summary>
    public double PromptRate => Results.Sum(result => result.Requests.Where(request => request.Tokens[0] <= result.DrySeconds).Sum(request => request.PromptTokens)) / BusySeconds;

    /// <summary>Largest share of the processors that other programs used.</summary>
    public double MostOtherWork => OtherWork.Max();

    private double BusySeconds => Results.Sum(result => result.DrySeconds);
}
