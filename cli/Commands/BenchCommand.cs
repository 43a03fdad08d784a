using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Kernels.Peaks;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Benchmarks;
using Gemma2.Cli.Benchmarks.Profiling;
using Gemma2.Cli.Models;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 bench</c>: how fast a model runs on this machine, and which share of what the device can do that is.</summary>
internal static class BenchCommand
{
    private const int DefaultPromptTokens = 512;
    private const int DefaultDecodeTokens = 64;
    private const int DefaultRounds = 3;
    private const int MostTokens = 8192;
    private const int MostSequences = 64;
    private const int PeakRepeats = 5;

    private static readonly int[] OneSequence = [1];

    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> model = Shared.Model();
        Option<int?> prompt = Count("--prompt-tokens", $"Length of every prompt (without it: {DefaultPromptTokens}).", MostTokens);
        Option<int?> decode = Count("--decode-tokens", $"New tokens of every sequence that are counted (without it: {DefaultDecodeTokens}).", MostTokens);
        Option<int?> rounds = Count("--rounds", $"How often everything is measured (without it: {DefaultRounds}).", 1000);
        Option<IReadOnlyList<int>?> sequences = Sequences();
        Option<string?> profile = Profile();
        Option<bool> json = Shared.Json();
        var engine = new EngineArguments();
        var command = new Command("bench", "Measure a model on this machine, as rates and as shares of what the device reaches at most.")
        {
            model, prompt, decode, rounds, sequences, profile, json,
        };
        engine.AddTo(command);
        command.SetAction(async (parse, cancellationToken) =>
        {
            var settings = new BenchSettings(
                parse.GetValue(prompt) ?? DefaultPromptTokens,
                parse.GetValue(decode) ?? DefaultDecodeTokens,
                parse.GetValue(rounds) ?? DefaultRounds,
                parse.GetValue(sequences) ?? OneSequence,
                parse.GetResult(profile) is not null,
                parse.GetValue(profile));
            BenchReport report = await RunAsync(parse.GetRequiredValue(model), settings, engine.Read(parse), cancellationToken);
            if (parse.GetValue(json)) StandardOutput.WriteJson(report, CliJson.Document.BenchReport);
            else BenchText.Print(report);
        });
        return command;
    }

    private static Option<int?> Count(string name, string description, int most) =>
        Values.Number<int>(name, description, $"1 to {most}", n => n >= 1 && n <= most);

    private static Option<IReadOnlyList<int>?> Sequences() => new("--sequences")
    {
        Description = "Numbers of sequences worked on at once (without it: 1).",
        HelpName = "1,4,...",
        CustomParser = result =>
        {
            string text = result.Tokens[^1].Value;
            if (TokenIds.TryParse(text, out IReadOnlyList<int> numbers) && numbers[0] == 1 && numbers[^1] <= MostSequences
                && numbers.Zip(numbers.Skip(1)).All(pair => pair.First < pair.Second)) return numbers;
            result.AddError($"--sequences is '{text}'; allowed are growing numbers from 1 to {MostSequences} with commas between them, the first of them 1.");
            return null;
        },
    };

    private static Option<string?> Profile() => new("--profile")
    {
        Description = "Load the model once more and time every kernel of one run; FILE gets a trace for chrome://tracing or Perfetto.",
        HelpName = "FILE",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static async Task<BenchReport> RunAsync(string model, BenchSettings settings, EngineOptions options, CancellationToken cancellationToken)
    {
        int mostSequences = settings.Sequences[^1];
        EngineOptions sized = options with
        {
            MaxSequences = mostSequences,
            ContextLength = options.ContextLength ?? SequenceRun.ContextLength(settings.PromptTokens, settings.DecodeTokens, mostSequences),
        };
        // A name that is no model is refused before anything is measured.
        ModelLocation.Open(model);
        DevicePeaks peaks = await LiveLine.RunAsync(
            "Measuring what the device reaches", _ => Task.Run(() => DevicePeaks.Measure(options.Device, PeakRepeats, cancellationToken), cancellationToken));
        ProcessMemory.ForgetPeak();
        (BenchReport report, ModelWork work) = await MeasureAsync(model, settings, sized, peaks, cancellationToken);
        return settings.IsProfiled
            ? report with { Profile = await new ProfileRun(model, settings, sized).MeasureAsync(work, peaks.Bandwidth, cancellationToken) }
            : report;
    }

    private static async Task<(BenchReport Report, ModelWork Work)> MeasureAsync(
        string model, BenchSettings settings, EngineOptions options, DevicePeaks peaks, CancellationToken cancellationToken)
    {
        DateTimeOffset time = DateTimeOffset.UtcNow;
        long start = Stopwatch.GetTimestamp();
        await using InferenceEngine engine = await EngineLoader.LoadAsync(model, options, cancellationToken);
        double loadSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        start = Stopwatch.GetTimestamp();
        await LiveLine.RunAsync("Compiling shaders", async _ =>
        {
            await WarmUpAsync(engine, settings, cancellationToken);
            return true;
        });
        double warmUpSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;

        RunTimes[][] rounds = await LiveLine.RunAsync("Measuring", line => RoundsAsync(engine, settings, line, cancellationToken));
        var work = new ModelWork(engine.Config, engine.WeightBytes, engine.KvCacheType);
        BenchRun[] runs = [.. settings.Sequences.Select((sequences, i) => Summarize(sequences, [.. rounds.Select(round => round[i])], settings, work, peaks))];
        var report = new BenchReport(
            engine.Device.Name,
            "measured",
            [.. runs.Select(run => run.Rate)],
            engine.ModelName,
            engine.Device.Driver,
            time,
            settings.PromptTokens,
            settings.DecodeTokens,
            settings.Rounds,
            loadSeconds,
            warmUpSeconds,
            PeakReport.Of(peaks),
            new BenchMemory(engine.WeightBytes, engine.DeviceBytes, ProcessMemory.PeakBytes()),
            runs,
            Profile: null);
        return (report, work);
    }

    /// <summary>A small run of every size: kernels differ by the number of rows.</summary>
    private static async Task WarmUpAsync(InferenceEngine engine, BenchSettings settings, CancellationToken cancellationToken)
    {
        await engine.WarmUpAsync(cancellationToken);
        var run = new SequenceRun(engine, settings.PromptTokens, decodeTokens: 1);
        await run.MeasureAsync(1, cancellationToken);
        foreach (int sequences in settings.Sequences.Where(n => n > 1)) await new SequenceRun(engine, 1, 1).MeasureAsync(sequences, cancellationToken);
    }

    private static async Task<RunTimes[][]> RoundsAsync(InferenceEngine engine, BenchSettings settings, LiveLine? line, CancellationToken cancellationToken)
    {
        var run = new SequenceRun(engine, settings.PromptTokens, settings.DecodeTokens);
        var rounds = new RunTimes[settings.Rounds][];
        for (int round = 0; round < settings.Rounds; round++)
        {
            rounds[round] = new RunTimes[settings.Sequences.Count];
            foreach ((int i, int sequences) in settings.Sequences.Index())
            {
                double done = (double)((round * settings.Sequences.Count) + i) / (settings.Rounds * settings.Sequences.Count);
                line?.Show(string.Create(CultureInfo.InvariantCulture, $"Round {round + 1} of {settings.Rounds}, {sequences} at once"), done);
                rounds[round][i] = await run.MeasureAsync(sequences, cancellationToken);
            }
        }
        return rounds;
    }

    private static BenchRun Summarize(int sequences, RunTimes[] rounds, BenchSettings settings, ModelWork work, DevicePeaks peaks)
    {
        long stepBytes = work.DecodeStepBytes(sequences, settings.PromptTokens + (settings.DecodeTokens / 2));
        double operationsPerToken = work.PromptOperations(settings.PromptTokens) / settings.PromptTokens;
        return new BenchRun(
            sequences,
            Of(run => run.PromptRate),
            Of(run => run.DecodeRate),
            Of(run => run.FirstTokenSeconds),
            stepBytes,
            (double)stepBytes / sequences,
            Of(run => run.DecodeRate / sequences * stepBytes / peaks.Bandwidth),
            Of(run => run.PromptRate * operationsPerToken / peaks.Arithmetic));

        Spread Of(Func<RunTimes, double> value) => Spread.Of(rounds.Select(value));
    }
}
