using System.CommandLine;
using Gemma2.Benchmarks.Sides;

namespace Gemma2.Benchmarks.Startup;

/// <summary>The command line: what is started, and where the results go.</summary>
internal sealed class StartupBenchmarkCommand
{
    private readonly Option<string> _app = new("--app") { Description = "The published app's folder.", Required = true };
    private readonly Option<string?> _host = new("--host") { Description = "The played Functions host; without it the app is not started under one." };
    private readonly Option<string> _model = new("--model") { Description = "The model: a folder or a .gguf file.", Required = true };
    private readonly Option<string?> _peerModel = new("--peer-model") { Description = "The same as a .gguf file, for the engines alone (without it: --model)." };
    private readonly Option<string?> _stored = new("--stored") { Description = "Its name in blob storage." };
    private readonly Option<string[]> _storages = new("--storage") { Description = "NAME=CONNECTION: where it is stored; several times, the first serves the played host too." };
    private readonly Option<bool> _cached = new("--cached") { Description = "Also with a local cache of what comes from storage." };
    private readonly Option<string[]> _peers = new("--peer") { Description = "llama.cpp-cpu, llama.cpp-avx2, llama.cpp-vulkan; several times." };
    private readonly Option<string[]> _conditions = new("--condition")
    {
        Description = "warm, cold-pipelines, cold-files, several times; or none (without it: warm and cold-pipelines, and cold-files where this user may empty the system's cache).",
    };
    private readonly Option<int[]> _bursts = new("--burst") { Description = "So many first requests at once; several times." };
    private readonly Option<int> _rounds = new("--rounds") { Description = "Starts of each way under each condition.", DefaultValueFactory = _ => 5 };
    private readonly Option<string> _state = new("--state") { Description = "A folder for caches, emptied before.", Required = true };
    private readonly Option<string> _title = new("--title") { Description = "What the report calls the model.", Required = true };
    private readonly Option<string?> _report = new("--report") { Description = "Gets the tables." };

    /// <summary>The command.</summary>
    public RootCommand Create()
    {
        var command = new RootCommand("Times starts of the app, of its engine alone and of llama.cpp, from process start to first token, in turns.")
        {
            _app, _host, _model, _peerModel, _stored, _storages, _cached, _peers, _conditions, _bursts, _rounds, _state, _title, _report,
        };
        command.SetAction((parse, _) => RunAsync(parse));
        return command;
    }

    private async Task<int> RunAsync(ParseResult parse)
    {
        string state = Path.GetFullPath(parse.GetRequiredValue(_state)), model = parse.GetRequiredValue(_model);
        if (Directory.Exists(state)) Directory.Delete(state, recursive: true);
        Dictionary<string, string> storages = (parse.GetValue(_storages) ?? []).Select(text => text.Split('=', 2)).ToDictionary(parts => parts[0], parts => parts[1]);
        Way[] ways = [.. new Ways(parse.GetRequiredValue(_app), parse.GetValue(_host), parse.GetValue(_stored), storages, parse.GetValue(_cached), parse.GetValue(_peers) ?? [], state)
            .Of(model, parse.GetValue(_peerModel) ?? model)];
        int rounds = parse.GetValue(_rounds);
        var measurements = new List<Measurement>();
        foreach (Condition condition in Conditions(parse.GetValue(_conditions) ?? [])) measurements.AddRange(await Measurement.TakeAsync(condition, ways, rounds, Say));
        var bursts = new List<Burst>();
        foreach (int requests in parse.GetValue(_bursts) ?? []) bursts.Add(await Burst.TakeAsync(ways[0], requests, rounds, Say));
        string report = MarkdownReport.Write(parse.GetRequiredValue(_title), rounds, measurements, bursts);
        if (parse.GetValue(_report) is { } file) File.AppendAllText(file, report);
        Console.Write(report);
        return 0;
    }

    private static IEnumerable<Condition> Conditions(string[] names)
    {
        if (names is ["none"]) return [];
        if (names.Length == 0) names = PageCache.CanBeEmptied ? ["warm", "cold-pipelines", "cold-files"] : ["warm", "cold-pipelines"];
        if (!names.Contains("cold-files")) Say(PageCache.CanBeEmptied ? "Files stay in the system's cache." : "Files stay in the system's cache: this user may not empty it.");
        return names.Select(name => name switch
        {
            "warm" => new Condition(Files: true, Pipelines: true),
            "cold-pipelines" => new Condition(Files: true, Pipelines: false),
            "cold-files" => new Condition(Files: false, Pipelines: true),
            _ => throw new ArgumentException($"--condition is '{name}'; allowed are warm, cold-pipelines, cold-files and none."),
        });
    }

    private static void Say(string line) => Console.Error.WriteLine($"    {line}");
}
