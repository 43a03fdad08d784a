using System.CommandLine;
using System.Globalization;
using Gemma2.Backend;
using Gemma2.Benchmarks.Serving.Reports;
using Gemma2.Benchmarks.Serving.Scenarios;
using Gemma2.Benchmarks.Sides;

namespace Gemma2.Benchmarks.Serving;

/// <summary>The command line: what is measured, and where the results go.</summary>
internal sealed class ServingCommand
{
    private const int MostSlots = 64;
    private const string NoPeer = "none";

    private readonly Argument<string> _model = new("MODEL") { Description = "A GGUF file." };
    private readonly Option<string[]> _scenarios = new("--scenarios") { Description = "streams, prefix, classes, widths.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => ["streams", "prefix", "classes", "widths"] };
    private readonly Option<string> _peer = new("--peer") { Description = "llama.cpp-cpu, llama.cpp-avx2, llama.cpp-vulkan or none.", DefaultValueFactory = _ => SideName.Avx2 };
    private readonly Option<int[]> _streams = Numbers("--streams", "Numbers of clients.", [1, 2, 4, 8, 16, 32]);
    private readonly Option<int> _requests = Number("--requests", "Requests a client.", 4, 1, 10_000);
    private readonly Option<int[]> _widths = Numbers("--widths", "Numbers of sequences that decode together, the first of them 1.", [1, 2, 3, 4, 5, 6, 8, 9, 12, 16, 17, 24, 32]);
    private readonly Option<int> _steps = Number("--steps", "Steps that are timed at each width.", 16, 4, 1000);
    private readonly Option<int> _rounds = Number("--rounds", "Turns of either side.", 1, 1, 1000);
    private readonly Option<double> _scale = new("--scale") { Description = "All lengths are multiplied by it: smaller than 1 for slow devices.", DefaultValueFactory = _ => 1 };
    private readonly Option<int> _seed = Number("--seed", "Lengths and pauses follow from it.", 1, 0, int.MaxValue / 2);
    private readonly Option<int> _threads = Number("--threads", "Processor threads of either side.", Environment.ProcessorCount, 1, 1024);
    private readonly Option<int> _device = Number("--device", "Index of the Vulkan device.", 0, 0, 1024);
    private readonly Option<string?> _json = new("--json") { Description = "Gets the report as JSON." };
    private readonly Option<string?> _plot = new("--plot") { Description = "Gets the plots as SVG." };
    private readonly Option<string?> _markdown = new("--markdown") { Description = "Gets the tables, which are printed in any case." };

    /// <summary>The command.</summary>
    public RootCommand Create()
    {
        _peer.AcceptOnlyFromAmong([.. SideName.Peers, NoPeer]);
        _scenarios.AcceptOnlyFromAmong("streams", "prefix", "classes", "widths");
        _scale.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() is not (>= 0.01 and <= 8)) result.AddError("--scale is out of range; allowed is 0.01 to 8.");
        });
        var command = new RootCommand("Lets many clients ask this engine and llama.cpp in turn, on the same file, and prints ratios.")
        {
            _model, _scenarios, _peer, _streams, _requests, _widths, _steps, _rounds, _scale, _seed, _threads, _device, _json, _plot, _markdown,
        };
        command.SetAction((parse, _) => RunAsync(parse));
        return command;
    }

    private static Option<int> Number(string name, string description, int value, int least, int most)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && !(int.TryParse(result.Tokens[^1].Value, out int number) && number >= least && number <= most))
                result.AddError($"{name} is '{result.Tokens[^1].Value}'; allowed is {least} to {most}.");
        });
        return option;
    }

    private static Option<int[]> Numbers(string name, string description, int[] values) => new(name)
    {
        Description = description,
        HelpName = "1,2,...",
        DefaultValueFactory = _ => values,
        CustomParser = result =>
        {
            string text = result.Tokens[^1].Value;
            int[] numbers = [.. text.Split(',').Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0)];
            if (numbers[0] == 1 && numbers[^1] <= MostSlots && numbers.Zip(numbers.Skip(1)).All(pair => pair.First < pair.Second)) return numbers;
            result.AddError($"{name} is '{text}'; allowed are growing numbers from 1 to {MostSlots} with commas between them, the first of them 1.");
            return null;
        },
    };

    private async Task<int> RunAsync(ParseResult parse)
    {
        try
        {
            string model = parse.GetRequiredValue(_model);
            if (!File.Exists(model)) throw new FileNotFoundException($"There is no file '{model}'.");
            Write(await MeasureAsync(parse, model), parse);
            return 0;
        }
        catch (Exception error) when (error is IOException or InvalidOperationException or Gemma2Exception)
        {
            await Console.Error.WriteLineAsync($"error: {error.Message}");
            return 1;
        }
    }

    private async Task<ServingReport> MeasureAsync(ParseResult parse, string model)
    {
        var settings = new ServingSettings(
            parse.GetValue(_streams)!, parse.GetValue(_requests), parse.GetValue(_widths)!, parse.GetValue(_steps), parse.GetValue(_rounds), parse.GetValue(_scale), parse.GetValue(_seed));
        string[] wanted = parse.GetValue(_scenarios)!;
        int slots = Math.Max(wanted is ["widths"] ? 1 : settings.Streams[^1], wanted.Contains("widths") ? settings.Widths[^1] : 1);
        IScenario[] scenarios = [.. ((IScenario[])[new StreamsScenario(), new PrefixScenario(), new ClassesScenario(slots), new WidthsScenario()]).Where(scenario => wanted.Contains(scenario.Name))];
        string peer = parse.GetValue(_peer)!;
        DateTime date = DateTime.UtcNow;
        double load = double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture);
        await using Contest contest = await Contest.StartAsync(
            peer == NoPeer ? [SideName.Ours] : [SideName.Ours, peer], model, new SideOptions(settings.Context, parse.GetValue(_threads), "f16", parse.GetValue(_device), slots), Say);
        var reports = new List<ScenarioReport>();
        foreach (IScenario scenario in scenarios) reports.Add(await scenario.RunAsync(contest, settings, Say));
        return new ServingReport(
            date, $"ServingBenchmark {string.Join(' ', Environment.GetCommandLineArgs()[1..])}", ModelName.Of(model), Machine.Processor, Machine.System, slots, settings.Context, load, contest.Sides, reports);
    }

    private void Write(ServingReport report, ParseResult parse)
    {
        if (parse.GetValue(_json) is { } json) File.WriteAllText(json, report.ToJson());
        if (parse.GetValue(_markdown) is { } markdown) File.WriteAllText(markdown, report.ToMarkdown());
        if (parse.GetValue(_plot) is { } plot && LinePlot.Draw(report) is { } picture) File.WriteAllText(plot, $"{picture}\n");
        Console.Write(report.ToMarkdown());
    }

    private static void Say(string line) => Console.Error.WriteLine($"    {line}");
}
