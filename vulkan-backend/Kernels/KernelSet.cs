using Gemma2.Backend.Device;
using Gemma2.Backend.Weights;

namespace Gemma2.Backend.Kernels;

/// <summary>The kernels that a model needs on a device. This is the one place that picks variants.</summary>
internal sealed class KernelSet(GpuDevice device, AttentionShape shape, TensorType embeddingType, TensorType cacheType, int vocabularySize) : IDisposable
{
    /// <summary>Most rows of a prompt pass: prompts are cut into chunks of this many.</summary>
    public const int MaxPromptRows = 256;

    /// <summary>Most rows of a decoding pass.</summary>
    public const int MaxDecodingRows = 8;

    private readonly Dictionary<TensorType, MatrixKernel> _matrix = [];

    public EmbedKernel Embed { get; } = new(device, embeddingType);

    public RmsNormKernel RmsNorm { get; } = new(device);

    public AddNormKernel AddNorm { get; } = new(device);

    public RopeStoreKernel RopeStore { get; } = new(device, shape, cacheType);

    public FirstAttentionKernel Attention { get; } = new(device, shape, cacheType);

    public GegluKernel Geglu { get; } = new(device);

    public CandidatesKernel Candidates { get; } = new(device, vocabularySize);

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
        Candidates.Dispose();
        Geglu.Dispose();
        Attention.Dispose();
        RopeStore.Dispose();
        AddNorm.Dispose();
        RmsNorm.Dispose();
        Embed.Dispose();
    }
}
