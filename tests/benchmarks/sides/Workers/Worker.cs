using System.Diagnostics;
using System.Text.Json;
using Gemma2.Benchmarks.Sides.Loads;

namespace Gemma2.Benchmarks.Sides.Workers;

/// <summary>A process with one side in it, so that neither shares memory, threads or a driver with the other. It waits without work between its turns.</summary>
internal sealed class Worker : IAsyncDisposable
{
    /// <summary>The command that makes this program a worker.</summary>
    public const string Command = "worker";

    private readonly Process _process;

    private Worker(Process process) => _process = process;

    /// <summary>What runs in it.</summary>
    public SideDescription Description { get; private set; } = null!;

    /// <summary>Most memory that it has had resident.</summary>
    public long PeakBytes { get; private set; }

    /// <summary>Starts a worker and waits until its model is loaded.</summary>
    /// <param name="side">Which: see <see cref="SideName"/>.</param>
    /// <param name="model">The file.</param>
    /// <param name="options">As the other side's.</param>
    public static async Task<Worker> StartAsync(string side, string model, SideOptions options)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (string argument in (string[])[Command, side, model, $"{options.Context}", $"{options.Threads}", options.KvCache, $"{options.Device}", $"{options.Slots}"])
            start.ArgumentList.Add(argument);
        // Lavapipe's threads, and the device that llama.cpp would skip when it is a CPU.
        start.Environment["LP_NUM_THREADS"] = $"{options.Threads}";
        start.Environment["GGML_VK_VISIBLE_DEVICES"] = $"{options.Device}";
        var worker = new Worker(Process.Start(start)!);
        worker.Description = (await worker.ReadAsync()).Description!;
        return worker;
    }

    /// <inheritdoc cref="ISide.MeasureAsync"/>
    public async Task<Turn> MeasureAsync(int[] prompt, int decode) => (await AskAsync(new WorkerRequest(prompt, decode))).Turn!;

    /// <inheritdoc cref="ISide.LogitsAsync"/>
    public async Task<float[]> LogitsAsync(int[] tokens) => (await AskAsync(new WorkerRequest(tokens, null))).Logits!;

    /// <summary>Lets clients send a load.</summary>
    public async Task<LoadResult> RunAsync(Load load) => (await AskAsync(new WorkerRequest([], null, load))).Load!;

    /// <summary>Lets the process end.</summary>
    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private async Task<WorkerAnswer> AskAsync(WorkerRequest request)
    {
        await _process.StandardInput.WriteLineAsync(WorkerJson.Line(request));
        await _process.StandardInput.FlushAsync();
        return await ReadAsync();
    }

    private async Task<WorkerAnswer> ReadAsync()
    {
        string line = await _process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("A worker ended without an answer.");
        WorkerAnswer answer = JsonSerializer.Deserialize(line, WorkerJson.Default.WorkerAnswer)!;
        PeakBytes = answer.PeakBytes;
        return answer.Error is null ? answer : throw new InvalidOperationException(answer.Error);
    }
}
