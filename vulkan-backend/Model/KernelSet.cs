using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Attention;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Kernels.Rows;
using Gemma2.Backend.Kernels.Sampling;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Model;

/// <summary>The kernels that a model needs on a device; it frees them, those of <see cref="Matrices"/> too. This is the one place that picks variants.</summary>
internal sealed class KernelSet(
    GpuDevice device, AttentionShape shape, WeightLayout embedding, TensorType cacheType, int vocabularySize, MatrixKernels matrices) : IDisposable
{
    public EmbedKernel Embed { get; } = new(device, embedding);

    public MatrixKernels Matrices { get; } = matrices;

    public RmsNormKernel RmsNorm { get; } = new(device);

    public AddNormKernel AddNorm { get; } = new(device);

    public RopeStoreKernel RopeStore { get; } = new(device, shape, cacheType);

    public AttentionKernel Attention { get; } = new(device, shape, cacheType, PromptAttention(matrices.Options, device.Description));

    public CandidatesKernel Candidates { get; } = new(device, vocabularySize);

    public void Dispose()
    {
        Candidates.Dispose();
        Attention.Dispose();
        RopeStore.Dispose();
        AddNorm.Dispose();
        RmsNorm.Dispose();
        Matrices.Dispose();
        Embed.Dispose();
    }

    /// <summary>Attention's kernels for prompts are two, in the style of the matrix kernels for CPU drivers and of those for GPUs.</summary>
    public static KernelFamily PromptAttention(KernelOptions options, DeviceDescription device) => options.Forced switch
    {
        KernelFamily.Cpu => KernelFamily.Cpu,
        not null => KernelFamily.Tiled,
        null when options.TurnedOff.Contains(KernelFamily.Tiled) => KernelFamily.Cpu,
        null when options.TurnedOff.Contains(KernelFamily.Cpu) => KernelFamily.Tiled,
        null => device.Kind == DeviceKind.Software ? KernelFamily.Cpu : KernelFamily.Tiled,
    };
}
