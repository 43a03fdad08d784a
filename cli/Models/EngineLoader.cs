using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Cli.Startups;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Models;

/// <summary>Loads a model for a command.</summary>
internal static class EngineLoader
{
    /// <summary>Loads MODEL, as a part of the process's start. A person at a terminal sees the progress, and is told when a CPU does the work of a GPU.</summary>
    /// <param name="model">MODEL.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Stops loading.</param>
    /// <param name="warm">Compile all that any request can need, as the app does, and not only what this process needs when it needs it.</param>
    public static async Task<InferenceEngine> LoadAsync(string model, EngineOptions options, CancellationToken cancellationToken, bool warm = false)
    {
        IModelSource source = ModelLocation.Open(model);
        InferenceEngine engine = await ProgressBar.RunAsync(
            $"Loading {source.Name}", progress => LoadAsync(source, options with { Timeline = ProcessTimeline.Current }, warm, progress, cancellationToken));
        ProcessTimeline.Current.BeReady(engine.ModelName);
        if (ModelLocation.CacheProblem(source) is { } problem) Console.Error.WriteLine($"gemma2: {problem}");
        foreach (string warning in engine.Warnings) Console.Error.WriteLine($"gemma2: {warning}");
        if (engine.Device.Kind == DeviceKind.Software && !Console.IsErrorRedirected)
            Console.Error.WriteLine($"gemma2: computing on the CPU with {engine.Device.Name}; a GPU is many times faster.");
        return engine;
    }

    private static async Task<InferenceEngine> LoadAsync(IModelSource source, EngineOptions options, bool warm, IProgress<LoadProgress>? progress, CancellationToken cancellationToken)
    {
        InferenceEngine engine = await InferenceEngine.LoadAsync(source, options, progress, cancellationToken);
        try
        {
            if (warm) await engine.WarmUpAsync(cancellationToken);
            return engine;
        }
        catch
        {
            await engine.DisposeAsync();
            throw;
        }
    }
}
