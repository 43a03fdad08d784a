using System.Text.Json;
using Gemma2.Benchmarks.Peers.Sides;

namespace Gemma2.Benchmarks.Peers.Workers;

/// <summary>The inside of a worker process: one side, asked over stdin, answering on stdout, until stdin ends.</summary>
internal static class WorkerHost
{
    /// <summary>Loads the side and serves it.</summary>
    public static async Task<int> RunAsync(Func<Task<ISide>> load)
    {
        try
        {
            await using ISide side = await load();
            Answer(new WorkerAnswer(side.Description));
            while (await Console.In.ReadLineAsync() is { } line)
            {
                WorkerRequest request = JsonSerializer.Deserialize(line, WorkerJson.Default.WorkerRequest)!;
                Answer(request.Decode is { } decode
                    ? new WorkerAnswer(Turn: await side.MeasureAsync(request.Tokens, decode))
                    : new WorkerAnswer(Logits: await side.LogitsAsync(request.Tokens)));
            }
            return 0;
        }
        catch (Exception error)
        {
            Answer(new WorkerAnswer(Error: error.Message));
            return 1;
        }
    }

    private static void Answer(WorkerAnswer answer) => Console.Out.WriteLine(WorkerJson.Line(answer with { PeakBytes = PeakBytes() }));

    private static long PeakBytes()
    {
        const string key = "VmHWM:";
        string line = File.ReadLines("/proc/self/status").First(text => text.StartsWith(key, StringComparison.Ordinal));
        return long.Parse(line.AsSpan(key.Length).Trim().TrimEnd("kB").Trim(), provider: null) * 1024;
    }
}
