using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;

namespace Gemma2.Service.Model;

/// <summary>Brings the configured model into an engine.</summary>
internal interface IEngineLoader
{
    /// <summary>Loads the model; the caller disposes the engine.</summary>
    /// <exception cref="Backend.Gemma2Exception">The model or the device cannot be used.</exception>
    Task<IInferenceEngine> LoadAsync(IProgress<LoadProgress> progress, CancellationToken cancellationToken);
}
