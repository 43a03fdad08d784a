using Gemma2.Backend.Engine;

namespace Gemma2.Service.Model;

/// <summary>What is done with a model whose shaders are compiled, so that its first requests take no longer than others.</summary>
internal interface IWarmUp
{
    /// <summary>Warms up.</summary>
    /// <param name="engine">The loaded model, which nobody else has yet.</param>
    /// <param name="promptTokens">How long a prompt it takes to wake the device.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="Backend.GenerationException">The model computes no finite numbers.</exception>
    /// <exception cref="Backend.DeviceException">The device failed.</exception>
    Task WarmUpAsync(IInferenceEngine engine, int promptTokens, CancellationToken cancellationToken);
}
