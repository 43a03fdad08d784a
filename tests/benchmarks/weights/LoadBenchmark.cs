using System.CommandLine;
using System.Globalization;
using Gemma2.Backend.Device;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Model;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Quantization;
using Microsoft.Win32.SafeHandles;

namespace Gemma2.Benchmarks.Weights;

/// <summary>A model file from the page cache into device memory, beside one thread that only reads it, in turns.</summary>
internal static class LoadBenchmark
{
    private const int ReadBytes = 4 << 20;

    /// <summary>The command.</summary>
    public static RootCommand CreateCommand()
    {
        Option<string?> model = new("--model") { Description = "A GGUF file; without it one is synthesized." };
        Option<string> folder = new("--folder") { Description = "Where synthesized files are kept.", DefaultValueFactory = _ => Path.Combine(Path.GetTempPath(), "gemma2-weights") };
        Option<string> shape = new("--shape") { Description = "The shape of a synthesized model.", DefaultValueFactory = _ => "2b" };
        Option<int> layers = new("--layers") { Description = "Its layers.", DefaultValueFactory = _ => 4 };
        Option<WeightType> stored = new("--stored") { Description = "How its matrices are stored.", DefaultValueFactory = _ => WeightType.Q8_0 };
        Option<WeightType?> type = new("--type") { Description = "Quantize while loading." };
        Option<int> turns = new("--turns") { Description = "How often each is measured.", DefaultValueFactory = _ => 7 };
        Option<long> staging = new("--staging") { Description = "Staging memory in MiB.", DefaultValueFactory = _ => ReadOptions.DefaultStagingMemory >> 20 };
        Option<bool> hidden = new("--hidden") { Description = "Go through staging buffers, as a GPU whose memory the host does not see." };
        var command = new RootCommand("Measures how fast a model file comes into device memory.") { model, folder, shape, layers, stored, type, turns, staging, hidden };
        command.SetAction((parse, _) => RunAsync(
            parse.GetValue(model) ?? SyntheticFile.Make(parse.GetRequiredValue(folder), parse.GetRequiredValue(shape), parse.GetValue(layers), parse.GetValue(stored)),
            parse.GetValue(type),
            parse.GetValue(turns),
            new ReadOptions { StagingMemory = parse.GetValue(staging) << 20 },
            parse.GetValue(hidden)));
        return command;
    }

    private static async Task RunAsync(string file, WeightType? type, int turns, ReadOptions options, bool hidden)
    {
        long bytes = new FileInfo(file).Length;
        List<Measurement> reads = [], loads = [];
        long deviceBytes = 0;
        using GpuDevice device = GpuDevice.Open(null, allowSoftware: true, hideDeviceMemory: hidden);
        // The first turn brings the file into the page cache and compiles the program.
        for (int turn = 0; turn <= turns; turn++)
        {
            reads.Add(await Measurement.OfAsync(() => Task.Run(() => Read(file))));
            // Headers and vocabulary are another stage of a start.
            await using OpenModel model = await ModelReader.OpenAsync(new FileModelSource(file));
            loads.Add(await Measurement.OfAsync(async () => deviceBytes = await LoadAsync(device, model, type, options)));
        }
        Measurement read = Measurement.Median(reads.Skip(1)), load = Measurement.Median(loads.Skip(1));
        double ratio = Measurement.Median(reads.Zip(loads, (a, b) => new Measurement(a.Seconds / b.Seconds, 1)).Skip(1)).Seconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            {Path.GetFileName(file)}{(type is null ? "" : $" as {type}")} on {device.Description.Name}{(hidden ? ", staged" : "")}: {bytes / 1e6:N0} MB, {Environment.ProcessorCount} processors, {turns} turns
            | | s | GB/s | processors busy |
            |---|---|---|---|
            | read by one thread | {read.Seconds:N3} | {bytes / 1e9 / read.Seconds:N2} | {read.Processors:N2} |
            | loaded | {load.Seconds:N3} | {bytes / 1e9 / load.Seconds:N2} | {load.Processors:N2} |
            Loading has {ratio:P0} of the page cache's rate (median of the turns' ratios).
            Peak memory: {PeakBytes() / 1e6:N0} MB, {(PeakBytes() - deviceBytes) / 1e6:N0} MB more than on the device.
            """));
    }

    private static void Read(string file)
    {
        using SafeFileHandle handle = File.OpenHandle(file);
        byte[] buffer = new byte[ReadBytes];
        for (long offset = 0; RandomAccess.Read(handle, buffer, offset) is var count and > 0;) offset += count;
    }

    private static async Task<long> LoadAsync(GpuDevice device, OpenModel model, WeightType? type, ReadOptions options)
    {
        using WeightUploader uploader = new(device, model.Config, options.CopyMemory);
        HashingSink stored = new(uploader);
        await model.ReadAsync(type is null ? stored : new QuantizingSink(stored, new WeightMix(type.Value, model.Config).TypeOf), options: options);
        using ModelWeights weights = uploader.Finish();
        stored.Hash();
        return weights.Bytes;
    }

    /// <summary>Most memory that this process ever had: VmHWM, in kB.</summary>
    private static long PeakBytes() =>
        long.Parse(File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
}
