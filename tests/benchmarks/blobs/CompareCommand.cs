using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;

namespace Gemma2.Benchmarks.Blobs;

/// <summary><c>compare</c>: ours and a bare download of the same blob in turns, over links of several kinds.</summary>
internal static class CompareCommand
{
    public const string ModelName = "bytes";

    private const string FileName = "weights.bin";

    private static readonly Option<int> Megabytes = new("--megabytes") { Description = "The blob's size.", DefaultValueFactory = _ => 1024 };
    private static readonly Option<int> Rounds = new("--rounds") { Description = "How often each side is measured.", DefaultValueFactory = _ => 3 };
    private static readonly Option<int> Blocks = new("--blocks") { Description = "How many blocks ours are asked for at once: the engine's staging memory.", DefaultValueFactory = _ => 48 };
    private static readonly Option<string?> Only = new("--only") { Description = "Only links whose name holds this." };

    public static Command Create()
    {
        var command = new Command("compare", "Reads a blob as the engine does and by a bare parallel download, in turns, and prints how fast ours is of it.") { Megabytes, Rounds, Blocks, Only };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("gemma2-blobs-");
        try
        {
            await WriteAsync(Path.Combine(folder.FullName, FileName), arguments.GetValue(Megabytes), cancellationToken);
            Console.WriteLine($"{arguments.GetValue(Megabytes)} MiB, {Environment.ProcessorCount} processors for server and client together, {arguments.GetValue(Rounds)} rounds in turns; medians.");
            Console.WriteLine("Bare: ranges of 8 MiB over so many connections, no hash. CPU: of client and server, a run.\n");
            Console.WriteLine("| link | bare MB/s (connections) | ours MB/s | ours / bare | bare CPU s | ours CPU s | ranges at once | twice |\n|---|---|---|---|---|---|---|---|");
            foreach (Scenario scenario in Scenario.All.Where(scenario => scenario.Name.Contains(arguments.GetValue(Only) ?? "", StringComparison.Ordinal)))
                await MeasureAsync(scenario, folder.FullName, arguments.GetValue(Rounds), arguments.GetValue(Blocks));
            return 0;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task WriteAsync(string path, int megabytes, CancellationToken cancellationToken)
    {
        await using FileStream file = File.Create(path);
        for (int i = 0; i < megabytes; i++) await file.WriteAsync(RandomNumberGenerator.GetBytes(1 << 20), cancellationToken);
    }

    private static async Task MeasureAsync(Scenario scenario, string folder, int rounds, int blocks)
    {
        await using ServerProcess server = await ServerProcess.StartAsync(folder, scenario.Limits);
        long length = new FileInfo(Path.Combine(folder, FileName)).Length;
        string endpoint = server.ConnectionString.Split(';').First(part => part.StartsWith("BlobEndpoint=", StringComparison.Ordinal))["BlobEndpoint=".Length..];
        bool[] ways = scenario.WithoutHedging ? [true, false] : [true];
        List<(double Seconds, double Processor)> bare = [];
        Dictionary<bool, List<(double Seconds, double Processor, OurDownload Download)>> ours = ways.ToDictionary(way => way, _ => new List<(double, double, OurDownload)>());
        for (int round = 0; round <= rounds; round++)
        {
            using var plain = new BareDownload(new Uri($"{endpoint}/models/{ModelName}/{FileName}"), length, scenario.Connections);
            (double Seconds, double Processor) time = await TimeAsync(server, plain.RunAsync);
            // The first round warms up.
            if (round > 0) bare.Add(time);
            foreach (bool way in ways)
            {
                var download = new OurDownload(server.ConnectionString, FileName, blocks, way);
                time = await TimeAsync(server, download.RunAsync);
                if (round > 0) ours[way].Add((time.Seconds, time.Processor, download));
            }
        }
        foreach (bool way in ways)
        {
            double bareSeconds = Median(bare.Select(run => run.Seconds)), ourSeconds = Median(ours[way].Select(run => run.Seconds));
            double ratio = Median(bare.Zip(ours[way], (one, other) => one.Seconds / other.Seconds));
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {scenario.Name}{(way ? "" : ", no second tries")} | {length / bareSeconds / 1e6:N0} ({scenario.Connections}) | {length / ourSeconds / 1e6:N0} | {ratio:P0} | {Median(bare.Select(run => run.Processor)):N2} | "
                + $"{Median(ours[way].Select(run => run.Processor)):N2} | {Median(ours[way].Select(run => (double)run.Download.Link.Pace.Limit)):N0} | {Median(ours[way].Select(run => (double)run.Download.Link.Slow.BytesTwice / length)):P1} |"));
        }
    }

    private static async Task<(double Seconds, double Processor)> TimeAsync(ServerProcess server, Func<Task> download)
    {
        GC.Collect();
        using var own = Process.GetCurrentProcess();
        TimeSpan before = own.TotalProcessorTime + server.ProcessorTime;
        long start = Stopwatch.GetTimestamp();
        await download();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        own.Refresh();
        return (seconds, (own.TotalProcessorTime + server.ProcessorTime - before).TotalSeconds);
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }
}
