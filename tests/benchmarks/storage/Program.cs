using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Gemma2.Benchmarks.Storage;
using Gemma2.Storage;
using Gemma2.Testing;

var lines = new Option<int>("--lines") { Description = "Lines of the batch.", DefaultValueFactory = _ => 100_000 };
var json = new Option<bool>("--json") { Description = "Print one JSON document instead of a table." };
var command = new RootCommand("Measures a batch's way through storage: split, run by an engine that takes no time, put together.") { lines, json };
command.SetAction((arguments, _) => RunAsync(arguments.GetValue(lines), arguments.GetValue(json)));
return await command.Parse(args).InvokeAsync();

static async Task<int> RunAsync(int lines, bool asJson)
{
    DirectoryInfo folder = Directory.CreateTempSubdirectory("gemma2-benchmark-");
    await using AzuriteProcess? azurite = await AzuriteProcess.TryStartAsync(folder.FullName, "benchmark");
    if (azurite is null)
    {
        Console.Error.WriteLine("Azurite is not installed: run 'npm ci --prefix tools/azurite'.");
        return 1;
    }
    string connectionString = azurite.ConnectionString("benchmark");
    await StorageProvisioning.EnsureCreatedAsync(StorageConnection.FromSettings(_ => connectionString), default);
    string tokenizer = Path.Combine(AzuriteProcess.Root, "samples/nano/tokenizer.model");
    (IReadOnlyList<Phase> phases, long input, long output) = await new BatchBenchmark(connectionString, tokenizer, lines).RunAsync();
    Phase raw = await Phase.MeasureAsync("the same bytes as plain blobs", () => new RawTransfer(connectionString).RunAsync(input, output));
    Print(lines, input, output, [.. phases, new Phase("in all", phases.Sum(phase => phase.Seconds))], raw, asJson);
    await azurite.StopAsync();
    folder.Delete(recursive: true);
    return 0;
}

static void Print(int lines, long input, long output, IReadOnlyList<Phase> phases, Phase raw, bool asJson)
{
    double ratio = phases[^1].Seconds / raw.Seconds;
    if (asJson)
    {
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            lines,
            input_bytes = input,
            output_bytes = output,
            seconds = phases.ToDictionary(phase => phase.Name.Replace(' ', '_'), phase => Math.Round(phase.Seconds, 3)),
            raw_seconds = Math.Round(raw.Seconds, 3),
            ratio_to_raw = Math.Round(ratio, 2),
        }));
        return;
    }
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{lines:N0} lines, {input / 1e6:N1} MB in, {output / 1e6:N1} MB out"));
    Console.WriteLine("\n| phase | seconds | lines/s |\n|---|---|---|");
    foreach (Phase phase in phases.Append(raw))
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {phase.Name} | {phase.Seconds:N1} | {lines / phase.Seconds:N0} |"));
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\nThe batch takes {ratio:N1} times as long as its bytes alone."));
}
