using System.Numerics;
using Gemma2.Benchmarks.Serving.Reports;
using Gemma2.Benchmarks.Sides;
using Gemma2.Benchmarks.Sides.Loads;
using Gemma2.Cli.Benchmarks;

namespace Gemma2.Benchmarks.Serving.Scenarios;

/// <summary>So many sequences decode together, with nothing else to do.</summary>
internal sealed class WidthsScenario : IScenario
{
    private const int PromptTokens = 8;

    private static readonly Column[] Columns =
    [
        new("width", "sequences"), new("step", "step, s"), new("least", "lowest"), new("most", "highest"), new("of_one", "**step, of one sequence's**"),
        new("rate_of_one", "**tokens/s, of one sequence's**"), new("of_wider", "**step, of the next power of two's**"), new("ratio", "**step, of the peer's**"),
        new("cpu_of_one", "processor time of a step, of one sequence's"), new("cpu_of_wider", "of the next power of two's"), new("other_work", "other programs' share"),
    ];

    /// <inheritdoc/>
    public string Name => "widths";

    /// <inheritdoc/>
    public async Task<ScenarioReport> RunAsync(Contest contest, ServingSettings settings, Action<string> say)
    {
        var runs = settings.Widths.ToDictionary(width => width, _ => new List<IReadOnlyDictionary<string, SideRuns>>());
        // All widths one after the other, then again: what slows the machine for a while falls on many of them.
        for (int round = 0; round < settings.Rounds; round++)
        {
            foreach (int width in settings.Widths)
            {
                IReadOnlyDictionary<string, SideRuns> run = await contest.RunAsync($"width {width}", new Load([Lane(settings, width)]), 1, _ => { });
                foreach ((string side, SideRuns result) in run) say($"width {width}, {side}: {Digits.Of(StepTimes.Of([result]).Wall.Median)} s a step");
                runs[width].Add(run);
            }
        }

        var steps = new Dictionary<(string Side, int Width), StepTimes>();
        foreach ((int width, List<IReadOnlyDictionary<string, SideRuns>> rounds) in runs)
            foreach (string side in contest.Sides.Keys)
                steps[(side, width)] = StepTimes.Of([.. rounds.Select(round => round[side])]);
        return new ScenarioReport(
            Name,
            $"What a step costs by the number of sequences that get their next token in it: all begin together with {settings.Scaled(PromptTokens)} tokens of their own, and the steps in which all decode are counted.",
            "A step reads all weights once, so it should cost little more for a few sequences than for one; tokens a second, of one sequence's, is what sharing wins. Of the next power of two's: 1 or less, or a width falls off a cliff. Median, lowest and highest of the rounds; a round's value is the median step. Processor time is that of all threads of the side: what other programs take does not count, waiting by spinning does.",
            Columns,
            [.. from width in settings.Widths from side in contest.Sides.Keys select Row(side, width, steps)],
            new Plot("Tokens a second by sequences that decode together, of one's", "width", "rate_of_one"));
    }

    private static Lane Lane(ServingSettings settings, int width)
    {
        int prompt = settings.Scaled(PromptTokens);
        // The first one decodes while the last one's prompt is read.
        int answer = settings.Steps + 1 + (width * prompt / 64);
        return new Lane { Clients = width, Requests = width, Prompt = new Lengths(prompt, prompt), Answer = new Lengths(answer, answer), Seed = settings.Seed };
    }

    private static Row Row(string side, int width, Dictionary<(string Side, int Width), StepTimes> steps)
    {
        StepTimes step = steps[(side, width)], one = steps[(side, 1)];
        var values = new Dictionary<string, double>
        {
            ["width"] = width,
            ["step"] = step.Wall.Median,
            ["least"] = step.Wall.Lowest,
            ["most"] = step.Wall.Highest,
            ["of_one"] = step.Wall.Median / one.Wall.Median,
            ["rate_of_one"] = width * one.Wall.Median / step.Wall.Median,
            ["cpu"] = step.Processor.Median,
            ["cpu_of_one"] = step.Processor.Median / one.Processor.Median,
            ["other_work"] = step.MostOtherWork,
        };
        int wider = (int)BitOperations.RoundUpToPowerOf2((uint)width);
        if (wider > width && steps.TryGetValue((side, wider), out StepTimes? next))
        {
            values["of_wider"] = step.Wall.Median / next.Wall.Median;
            values["cpu_of_wider"] = step.Processor.Median / next.Processor.Median;
        }
        if (side == SideName.Ours && steps.Keys.FirstOrDefault(key => key.Width == width && key.Side != side).Side is { } peer)
            values["ratio"] = step.Wall.Median / steps[(peer, width)].Wall.Median;
        return new Row($"{width}", side, values);
    }

    /// <summary>What a step of one width took on one side.</summary>
    /// <param name="Wall">Seconds, by round.</param>
    /// <param name="Processor">Seconds of all threads, by round.</param>
    /// <param name="MostOtherWork">Largest share of the processors that other programs used.</param>
    private sealed record StepTimes(Spread Wall, Spread Processor, double MostOtherWork)
    {
        public static StepTimes Of(IReadOnlyList<SideRuns> rounds)
        {
            (double Wall, double Processor)[] steps = [.. rounds.Select(round => StepOf(round.Results[0]))];
            return new StepTimes(Spread.Of(steps.Select(step => step.Wall)), Spread.Of(steps.Select(step => step.Processor)), rounds.Max(round => round.MostOtherWork));
        }

        /// <summary>The median step, and the mean of its processor time, of those in which all sequences decode.</summary>
        private static (double Wall, double Processor) StepOf(LoadResult result)
        {
            double begin = result.Requests.Max(request => request.Tokens[0]), end = result.Requests.Min(request => request.Tokens[^1]);
            RequestTimes first = result.Requests[0];
            int[] within = [.. Enumerable.Range(0, first.Tokens.Count).Where(i => first.Tokens[i] >= begin && first.Tokens[i] <= end)];
            if (within.Length < 2) throw new InvalidOperationException("No step had all sequences in it: more steps are needed (--steps).");
            return (Percentile.Of(within.Skip(1).Select(i => first.Tokens[i] - first.Tokens[i - 1]), 50), (first.Processor[within[^1]] - first.Processor[within[0]]) / (within.Length - 1));
        }
    }
}
