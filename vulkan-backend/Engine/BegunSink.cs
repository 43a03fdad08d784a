using Gemma2.Backend.Startup;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Engine;

/// <summary>Passes tensors on. Between the memory for them and their data there is the memory for all else, and the beginning of what can be done meanwhile.</summary>
/// <param name="next">Takes the tensors.</param>
/// <param name="timeline">Told how long memory and data take.</param>
/// <param name="begun">Called when there is memory for all tensors.</param>
internal sealed class BegunSink(ITensorSink next, StartupTimeline timeline, Action begun) : ITensorSink, IDisposable
{
    private StartupSpan? _weights;

    /// <inheritdoc/>
    public bool KeepsOrder => next.KeepsOrder;

    /// <inheritdoc/>
    public void Begin(IReadOnlyList<TensorEntry> tensors)
    {
        using (timeline.Begin(StartupStages.Memory))
        {
            next.Begin(tensors);
            begun();
        }
        _weights = timeline.Begin(StartupStages.Weights);
    }

    /// <inheritdoc/>
    public void Write(TensorEntry tensor, long byteOffset, ReadOnlySpan<byte> bytes) => next.Write(tensor, byteOffset, bytes);

    /// <summary>All weights are in device memory.</summary>
    public void Dispose() => _weights?.Dispose();
}
