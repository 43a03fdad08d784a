using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Matrix;

namespace Gemma2.Backend.Model;

/// <summary>One layer's weights in device memory. Norms are what numbers are multiplied by: float32, [hidden].</summary>
/// <param name="InputNorm">Address of the norm before attention.</param>
/// <param name="Qkv">
/// Query, key and value matrices below one another, those of one type as one: together [(heads + 2 * kvHeads) * headDim, hidden].
/// </param>
/// <param name="AttentionOutput">[hidden, heads * headDim].</param>
/// <param name="PostAttentionNorm">Address of the norm of attention's output.</param>
/// <param name="PreFeedForwardNorm">Address of the norm before the feed-forward block.</param>
/// <param name="Gate">[intermediate, hidden].</param>
/// <param name="Up">[intermediate, hidden], mostly of the same type.</param>
/// <param name="Down">[hidden, intermediate].</param>
/// <param name="PostFeedForwardNorm">Address of the norm of the feed-forward block's output.</param>
internal sealed record LayerWeights(
    ulong InputNorm,
    IReadOnlyList<DeviceMatrix> Qkv,
    DeviceMatrix AttentionOutput,
    ulong PostAttentionNorm,
    ulong PreFeedForwardNorm,
    DeviceMatrix Gate,
    DeviceMatrix Up,
    DeviceMatrix Down,
    ulong PostFeedForwardNorm)
{
    /// <summary>Whether one kernel multiplies with <see cref="Gate"/> and <see cref="Up"/>: they are of one type.</summary>
    public bool HasGatesTogether => Gate.Layout == Up.Layout;
}

/// <summary>A model's weights in device memory.</summary>
internal sealed class ModelWeights(
    DeviceMatrix embedding,
    DeviceMatrix output,
    IReadOnlyList<LayerWeights> layers,
    ulong finalNorm,
    IReadOnlyList<GpuBuffer> buffers) : IDisposable
{
    /// <summary>[vocabulary, hidden]: input embedding.</summary>
    public DeviceMatrix Embedding { get; } = embedding;

    /// <summary>[vocabulary, hidden]: the output matrix, which mostly is <see cref="Embedding"/>.</summary>
    public DeviceMatrix Output { get; } = output;

    public IReadOnlyList<LayerWeights> Layers { get; } = layers;

    /// <summary>Address of the norm before the output matrix: [hidden] float32.</summary>
    public ulong FinalNorm { get; } = finalNorm;

    /// <summary>Bytes of device memory taken.</summary>
    public long Bytes => buffers.Sum(b => b.Size);

    public void Dispose()
    {
        foreach (GpuBuffer buffer in buffers) buffer.Dispose();
    }
}
