using Gemma2.Backend.Engine;

namespace Gemma2.Service.Model;

/// <summary>An engine that is in use: it is not freed before this is disposed, whatever is loaded meanwhile.</summary>
internal sealed class EngineLease(LoadedModel model) : IDisposable
{
    private LoadedModel? _model = model;

    /// <summary>The engine.</summary>
    public IInferenceEngine Engine { get; } = model.Engine;

    /// <summary>Another engine takes this one's place: what lasts long is to come to an end soon, and to go on with that.</summary>
    public CancellationToken Retiring { get; } = model.Retiring;

    /// <inheritdoc />
    public void Dispose() => Interlocked.Exchange(ref _model, null)?.Return();
}
