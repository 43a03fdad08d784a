using Gemma2.Backend.Config;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Attention;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Kernels.Rows;
using Gemma2.Backend.Kernels.Sampling;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Model;

/// <summary>The kernels that a model needs on a device; it frees them, those of <see cref="Matrices"/> too. This is the one place that picks variants.</summary>
/// <param name="device">The device.</param>
/// <param name="config">The model.</param>
/// <param name="embeddingType">Type of its embedding.</param>
/// <param name="cacheType">How keys and values are kept.</param>
/// <param name="matrices">The matrix kernels.</param>
/// <param name="gatesApart">Whether gate and up matrices of some layers are of two types.</param>
internal sealed partial class KernelSet(
    GpuDevice device, Gemma2Config config, TensorType embeddingType, TensorType cacheType, MatrixKernels matrices, bool gatesApart = false) : IDisposable
{
    private readonly AttentionShape _shape = ForwardPass.ShapeOf(config);

    public EmbedKernel Embed { get; } = new(device, EmbeddingLayout(device, config, embeddingType));

    public MatrixKernels Matrices { get; } = matrices;

    public RmsNormKernel RmsNorm { get; } = new(device);

    public AddNormKernel AddNorm { get; } = new(device);

    public GegluKernel Geglu { get; } = new(device);

    public RopeStoreKernel RopeStore { get; } = new(device, ForwardPass.ShapeOf(config), cacheType);

    /// <summary>Which kernels of attention compute prompts: there are two, in the style of the matrix kernels for CPU drivers and of those for GPUs.</summary>
    public KernelFamily PromptAttention { get; private set; } = PromptAttentionFor(matrices.Options, device.Description);

    public AttentionKernel Attention { get; private set; } =
        new(device, ForwardPass.ShapeOf(config), cacheType, PromptAttentionFor(matrices.Options, device.Description));

    public CandidatesKernel Candidates { get; } = new(device, config.VocabularySize);

    public void Dispose()
    {
        Candidates.Dispose();
        Attention.Dispose();
        RopeStore.Dispose();
        Geglu.Dispose();
        AddNorm.Dispose();
        RmsNorm.Dispose();
        Matrices.Dispose();
        Embed.Dispose();
    }

    private static WeightLayout EmbeddingLayout(GpuDevice device, Gemma2Config config, TensorType type) =>
        new(type, config.HiddenSize, MatrixKernels.TileRows(device.Description));

    private static KernelFamily PromptAttentionFor(KernelOptions options, DeviceDescription device) => options.Forced switch
    {
        KernelFamily.Cpu => KernelFamily.Cpu,
        not null => KernelFamily.Tiled,
        null when options.TurnedOff.Contains(KernelFamily.Tiled) => KernelFamily.Cpu,
        null when options.TurnedOff.Contains(KernelFamily.Cpu) => KernelFamily.Tiled,
        null => device.Kind == DeviceKind.Software ? KernelFamily.Cpu : KernelFamily.Tiled,
    };
}
