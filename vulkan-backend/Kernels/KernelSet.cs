using Gemma2.Backend.Device;
using Gemma2.Backend.Weights;

namespace Gemma2.Backend.Kernels;

/// <summary>The kernels that a model needs on a device. This is the one place that picks variants.</summary>
internal sealed class KernelSet(GpuDevice device, AttentionShape shape, TensorType embeddingType, TensorType cacheType) : IDisposable
{
    private readonly Dictionary<TensorType, MatrixKernel> _matrix = [];

    public EmbedKernel Embed { get; } = new(device, embeddingType);

    public RmsNormKernel RmsNorm { get; } = new(device);

    public AddNormKernel AddNorm { get; } = new(device);

    public FirstRopeStoreKernel RopeStore { get; } = new(device, shape, cacheType);

    public FirstAttentionKernel Attention { get; } = new(device, shape, cacheType);

    public GegluKernel Geglu { get; } = new(device);

    public SoftcapKernel Softcap { get; } = new(device);

    /// <summary>The matrix kernel of a weight type.</summary>
    public MatrixKernel Matrix(TensorType type)
    {
        if (!_matrix.TryGetValue(type, out MatrixKernel? kernel))
            _matrix.Add(type, kernel = new MatrixKernel(device, type));
        return kernel;
    }

    public void Dispose()
    {
        foreach (MatrixKernel kernel in _matrix.Values) kernel.Dispose();
        Softcap.Dispose();
        Geglu.Dispose();
        Attention.Dispose();
        RopeStore.Dispose();
        AddNorm.Dispose();
        RmsNorm.Dispose();
        Embed.Dispose();
    }
}
