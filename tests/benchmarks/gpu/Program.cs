using System.CommandLine;
using Gemma2.Benchmarks.Gpu;

var shapes = new Option<string[]>("--shapes") { Description = "Shapes that are measured.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => ["2b", "9b", "27b"] };
shapes.AcceptOnlyFromAmong("tiny", "2b", "9b", "27b");
var minutes = new Option<double>("--minutes") { Description = "All ends by then; what did not fit says so.", DefaultValueFactory = _ => 7.5 };
var models = new Option<string>("--models") { Description = "A folder for synthesized models; they are removed at the end.", DefaultValueFactory = _ => Path.Combine(Path.GetTempPath(), "gemma2-gpu") };
var output = new Option<string>("--output") { Description = "Gets the tables.", DefaultValueFactory = _ => "gpu.md" };
var software = new Option<bool>("--software") { Description = "Take a device that is a CPU, with little work: to try the script." };
var command = new RootCommand("Checks and measures this machine's GPU and writes the tables of docs/performance.md.") { shapes, minutes, models, output, software };
command.SetAction(async (parse, _) =>
{
    var run = new GpuRun(new RunSettings(parse.GetValue(shapes)!, parse.GetValue(models)!, parse.GetValue(software)), new TimeBudget(TimeSpan.FromMinutes(parse.GetValue(minutes))));
    try
    {
        string tables = await run.MeasureAsync();
        await File.WriteAllTextAsync(parse.GetValue(output)!, tables, CancellationToken.None);
        Console.Write(tables);
        return 0;
    }
    catch (Exception error) when (error is InvalidOperationException or IOException)
    {
        await Console.Error.WriteLineAsync($"error: {error.Message}");
        return 1;
    }
});
return await command.Parse(args).InvokeAsync();
