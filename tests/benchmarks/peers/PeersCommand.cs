using System.CommandLine;
using Gemma2.Backend.Device;
using Gemma2.Backend.Model;
using Gemma2.Benchmarks.Peers.Accuracy;
using Gemma2.Benchmarks.Peers.Reports;
using Gemma2.Benchmarks.Sides;
using Gemma2.Cli.Benchmarks;

namespace Gemma2.Benchmarks.Peers;

/// <summary>The command line: what is measured, and where the results go.</summary>
internal sealed class PeersCommand
{
    // On a CPU driver llama.cpp's Vulkan backend makes a token in ten seconds or more.
    private const int SoftwarePromptTokens = 16;
    private const int SoftwareDecodeTokens = 2;

    private const int ContextStep = 256;

    // Golden logits are stored as float32 and were made with sqrt(hidden) rounded to it.
    private const double LargestDifference = 1e-4;

    private readonly Option<string[]> _models = new("--model") { Description = "A GGUF file; may be given several times.", AllowMultipleArgumentsPerToken = true };
    private readonly Option<string[]> _golden = new("--golden") { Description = "A folder with a GGUF file and the logits that double precision gives for it.", AllowMultipleArgumentsPerToken = true };
    private readonly Option<string[]> _peers = new("--peer") { Description = "llama.cpp-cpu, llama.cpp-avx2, llama.cpp-vulkan.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [SideName.Cpu] };
    private readonly Option<int> _prompt = new("--prompt-tokens") { Description = "Length of the prompt.", DefaultValueFactory = _ => 512 };
    private readonly Option<int> _decode = new("--decode-tokens") { Description = "Tokens decoded after it.", DefaultValueFactory = _ => 64 };
    private readonly Option<int> _exact = new("--exact-tokens") { Description = "Length of the prompt for which each model is computed in double precision; 0 for none.", DefaultValueFactory = _ => 8 };
    private readonly Option<int> _rounds = new("--rounds") { Description = "Turns of either side.", DefaultValueFactory = _ => 3 };
    private readonly Option<int> _threads = new("--threads") { Description = "Processor threads of either side.", DefaultValueFactory = _ => Environment.ProcessorCount };
    private readonly Option<int> _device = new("--device") { Description = "Index of the Vulkan device." };
    private readonly Option<string> _revision = new("--revision") { Description = "What is measured, for the report.", DefaultValueFactory = _ => "an unknown revision" };
    private readonly Option<string> _shown = new("--shown-command") { Description = "The command that the report names.", DefaultValueFactory = _ => Environment.CommandLine };
    private readonly Option<string?> _json = new("--json") { Description = "Gets the report as JSON." };
    private readonly Option<string?> _plot = new("--plot") { Description = "Gets a bar plot as SVG." };
    private readonly Option<string?> _document = new("--document") { Description = "Gets the tables between its marks." };

    /// <summary>The command.</summary>
    public RootCommand Create()
    {
        var command = new RootCommand("Runs this engine and llama.cpp in turn on the same files and prints the ratios.")
        {
            _models, _golden, _peers, _prompt, _decode, _exact, _rounds, _threads, _device, _revision, _shown, _json, _plot, _document,
        };
        command.SetAction((parse, _) => RunAsync(parse));
        return command;
    }

    private async Task<int> RunAsync(ParseResult parse)
    {
        string[] models = parse.GetValue(_models) ?? [], peers = parse.GetValue(_peers)!;
        bool isSoftware = VulkanDevices.List()[parse.GetValue(_device)].Kind == DeviceKind.Software;
        var comparisons = new List<Comparison>();
        foreach (string peer in peers)
        {
            bool isSlow = isSoftware && peer == SideName.Vulkan;
            int prompt = isSlow ? Math.Min(SoftwarePromptTokens, parse.GetValue(_prompt)) : parse.GetValue(_prompt);
            int decode = isSlow ? Math.Min(SoftwareDecodeTokens, parse.GetValue(_decode)) : parse.GetValue(_decode);
            int rounds = isSlow ? 1 : parse.GetValue(_rounds);
            foreach (string model in models)
                comparisons.Add(await Comparison.MeasureAsync(model, peer, Options(parse, prompt + decode, "f16"), prompt, decode, rounds, Say));
        }

        Report report = Report.Of(
            parse.GetValue(_shown)!, parse.GetValue(_revision)!, parse.GetValue(_threads), comparisons, await LogitErrorsAsync(parse));
        Write(report, parse);
        return 0;
    }

    private async Task<List<LogitError>> LogitErrorsAsync(ParseResult parse)
    {
        var errors = new List<LogitError>();
        foreach (string folder in parse.GetValue(_golden) ?? [])
        {
            string model = Path.Combine(folder, "model.gguf");
            IReadOnlyList<ExpectedLogits> expected = GoldenLogits.Read(folder);
            await CheckDoubleModelAsync(model, expected[^1]);
            errors.AddRange(await LogitErrorsAsync(parse, model, expected, "f16", "f32"));
        }
        int tokens = parse.GetValue(_exact);
        foreach (string model in tokens > 0 ? parse.GetValue(_models) ?? [] : [])
        {
            using DoubleModel exact = await DoubleModel.OpenAsync(model);
            Say($"{ModelName.Of(model)}: logits in double precision");
            errors.AddRange(await LogitErrorsAsync(parse, model, [exact.Expect(SyntheticPrompt.Of(tokens, exact.VocabularySize))], "f16"));
        }
        return errors;
    }

    private async Task<IEnumerable<LogitError>> LogitErrorsAsync(ParseResult parse, string model, IReadOnlyList<ExpectedLogits> expected, params string[] kvCaches)
    {
        var errors = new List<LogitError>();
        string name = ModelName.Of(model);
        SideOptions options = Options(parse, expected.Max(prompt => prompt.Tokens.Length), "");
        foreach (string kvCache in kvCaches)
        {
            Say($"{name}, {kvCache} cache: logits of both sides");
            errors.Add(await LogitError.MeasureAsync(name, model, SideName.Cpu, options with { KvCache = kvCache }, expected));
        }
        return errors;
    }

    /// <summary>Our own double-precision model is held against logits that others computed.</summary>
    private static async Task CheckDoubleModelAsync(string model, ExpectedLogits expected)
    {
        using DoubleModel exact = await DoubleModel.OpenAsync(model);
        double largest = exact.Expect(expected.Tokens).Logits.Zip(expected.Logits, (own, golden) => Math.Abs(own - golden)).Max();
        if (!(largest <= LargestDifference)) throw new InvalidOperationException($"{model}: double precision is off by {largest} from its golden logits.");
    }

    private SideOptions Options(ParseResult parse, int tokens, string kvCache) =>
        new((tokens + ContextStep) / ContextStep * ContextStep, parse.GetValue(_threads), kvCache, parse.GetValue(_device));

    private void Write(Report report, ParseResult parse)
    {
        string? plot = parse.GetValue(_plot), document = parse.GetValue(_document), json = parse.GetValue(_json);
        if (json is not null) File.WriteAllText(json, report.ToJson());
        if (plot is not null && report.Comparisons.Count > 0) File.WriteAllText(plot, $"{RatioPlot.Draw(report)}\n");
        if (document is not null) MarkdownReport.Update(document, report, plot is null ? null : Path.GetFileName(plot));
        Console.Write(MarkdownReport.Write(report, plot is null ? null : Path.GetFileName(plot)));
    }

    private static void Say(string line) => Console.Error.WriteLine($"    {line}");
}
