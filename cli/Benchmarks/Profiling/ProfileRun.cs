using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;
using Gemma2.Cli.Models;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Benchmarks.Profiling;

/// <summary>One run of one sequence on an engine that times its dispatches; apart from the measured rates, since timing them takes time too.</summary>
/// <param name="model">MODEL, as given.</param>
/// <param name="settings">Lengths, and the file for the time line.</param>
/// <param name="options">Those of the measured engine.</param>
internal sealed class ProfileRun(string model, BenchSettings settings, EngineOptions options)
{
    private readonly List<StepProfile> _passes = [];
    private volatile bool _isWarm;

    /// <summary>Loads the model again and runs it.</summary>
    /// <param name="work">What its steps have to read.</param>
    /// <param name="bandwidth">The measured bandwidth in bytes a second.</param>
    /// <param name="cancellationToken">Stops within one step.</param>
    /// <exception cref="Backend.DeviceException">The device has no timestamps.</exception>
    /// <exception cref="IOException">The time line cannot be written.</exception>
    public async Task<ProfileReport> MeasureAsync(ModelWork work, double bandwidth, CancellationToken cancellationToken)
    {
        IReadOnlyList<TensorEntry> tensors;
        await using (OpenModel open = await ModelReader.OpenAsync(ModelLocation.Open(model), cancellationToken)) tensors = open.TensorsAs(options.WeightType);
        string device;
        await using (InferenceEngine engine = await EngineLoader.LoadAsync(model, options with { StepTimed = Take }, cancellationToken))
        {
            device = engine.Device.Name;
            await LiveLine.RunAsync("Timing kernels", async _ =>
            {
                await engine.WarmUpAsync(cancellationToken);
                await new SequenceRun(engine, settings.PromptTokens, decodeTokens: 1).MeasureAsync(1, cancellationToken);
                _isWarm = true;
                return await new SequenceRun(engine, settings.PromptTokens, settings.DecodeTokens).MeasureAsync(1, cancellationToken);
            });
        }

        // The engine's thread has ended: nothing is added any more.
        if (settings.TraceFile is { } file)
        {
            await AtomicFile.WriteAsync(file, output =>
            {
                ChromeTrace.Write(output, device, _passes);
                return Task.CompletedTask;
            });
        }
        return new ProfileSummary(new StepWork(work, tensors), bandwidth).Of(_passes);
    }

    private void Take(StepProfile pass)
    {
        if (_isWarm) _passes.Add(pass);
    }
}
