using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Models;

/// <summary>Loads a model for a command.</summary>
internal static class EngineLoader
{
    /// <summary>Loads MODEL. A person at a terminal sees the progress, and is told when a CPU does the work of a GPU.</summary>
    public static async Task<InferenceEngine> LoadAsync(string model, EngineOptions options, CancellationToken cancellationToken)
    {
        IModelSource source = ModelLocation.Open(model);
        InferenceEngine engine = await ProgressBar.RunAsync(
            $"Loading {source.Name}", progress => InferenceEngine.LoadAsync(source, options, progress, cancellationToken));
        foreach (string warning in engine.Warnings) Console.Error.WriteLine($"gemma2: {warning}");
        if (engine.Device.Kind == DeviceKind.Software && !Console.IsErrorRedirected)
            Console.Error.WriteLine($"gemma2: computing on the CPU with {engine.Device.Name}; a GPU is many times faster.");
        return engine;
    }
}
