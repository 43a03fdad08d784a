using System.Text.Json;
using Gemma2.Benchmarks.Sides.Loads;

namespace Gemma2.Benchmarks.Sides.Workers;

/// <summary>The inside of a worker process: one side, asked over stdin, answering on stdout, until stdin ends.</summary>
internal static class WorkerHost
{
    /// <summary>Loads the side and serves it.</summary>
    /// <param name="arguments">As <see cref="Worker"/> gives them, without the command itself.</param>
    public static async Task<int> RunAsync(string[] arguments)
    {
        try
        {
            await using ISide side = await SideName.LoadAsync(arguments[0], arguments[1], new SideOptions(
                int.Parse(arguments[2], null), int.Parse(arguments[3], null), arguments[4], int.Parse(arguments[5], null), int.Parse(arguments[6], null)));
            Answer(new WorkerAnswer(side.Description));
            while (await Console.In.ReadLineAsync() is { } line)
            {
                WorkerRequest request = JsonSerializer.Deserialize(line, WorkerJson.Default.WorkerRequest)!;
                Answer(await AnswerAsync(side, request));
            }
            return 0;
        }
        catch (Exception error)
        {
            Answer(new WorkerAnswer(Error: error.Message));
            return 1;
        }
    }

    private static async Task<WorkerAnswer> AnswerAsync(ISide side, WorkerRequest request) => request switch
    {
        { Load: { } load } => new WorkerAnswer(Load: await new LoadRun(side, load).RunAsync()),
        { Decode: { } decode } => new WorkerAnswer(Turn: await side.MeasureAsync(request.Tokens, decode)),
        _ => new WorkerAnswer(Logits: await side.LogitsAsync(request.Tokens)),
    };

    private static void Answer(WorkerAnswer answer) => Console.Out.WriteLine(WorkerJson.Line(answer with { PeakBytes = PeakBytes() }));

    private static long PeakBytes()
    {
        const string key = "VmHWM:";
        string line = File.ReadLines("/proc/self/status").First(text => text.StartsWith(key, StringComparison.Ordinal));
        return long.Parse(line.AsSpan(key.Length).Trim().TrimEnd("kB").Trim(), provider: null) * 1024;
    }
}
