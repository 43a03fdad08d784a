using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Startup;

namespace Gemma2.Service.Model;

/// <summary>Brings the configured model into an engine.</summary>
internal interface IEngineLoader
{
    /// <summary>The stages of the load that is running, or ran last; null where they are not known.</summary>
    StartupTimeline? Timeline => null;

    /// <summary>Loads the model, warm: no request waits for anything that could have been done before. The caller disposes the engine.</summary>
    /// <exception cref="Backend.Gemma2Exception">The model or the device cannot be used.</exception>
    Task<IInferenceEngine> LoadAsync(IProgress<LoadProgress> progress, CancellationToken cancellationToken);

    /// <summary>Names the version of the model that would be loaded now; null where that is not known.</summary>
    /// <exception cref="Storage.StorageException">Storage failed.</exception>
    Task<string?> FindVersionAsync(CancellationToken cancellationToken) => Task.FromResult<string?>(null);

    /// <summary>Names the version that an engine of this loader has; null where that is not known.</summary>
    string? VersionOf(IInferenceEngine engine) => null;

    /// <summary>Whether the device has room for the model beside a loaded one.</summary>
    /// <exception cref="Backend.Gemma2Exception">The model cannot be used.</exception>
    Task<bool> FitsBesideAsync(IInferenceEngine loaded, CancellationToken cancellationToken) => Task.FromResult(true);

    /// <summary>Reads all of the model and keeps nothing: what can be found wrong without a device is found.</summary>
    /// <exception cref="Backend.Gemma2Exception">The model cannot be used.</exception>
    Task CheckAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
