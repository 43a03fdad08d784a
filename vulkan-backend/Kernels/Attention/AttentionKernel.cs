using Gemma2.Backend.Device;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Kernels.Attention;

/// <summary>
/// softmax(softcap(scale * Q K^T) + mask) V over the KV cache, for grouped query heads and an optional sliding window. The one place that knows which
/// of attention's kernels runs. Scores, softmax and sums are float32.
/// </summary>
/// <param name="device">The device that runs it.</param>
/// <param name="shape">Attention's numbers.</param>
/// <param name="cacheType">Type of the KV cache.</param>
/// <param name="promptFamily">Kernels of prompts, <see cref="KernelFamily.Cpu"/> or <see cref="KernelFamily.Tiled"/>; null for what fits the device.</param>
internal sealed class AttentionKernel(GpuDevice device, AttentionShape shape, TensorType cacheType, KernelFamily? promptFamily = null) : IDisposable
{
    private AttentionDecodeKernel? _decode;
    private AttentionPromptKernel? _prompt;

    private AttentionDecodeKernel Decode => _decode ??= new(device, shape, cacheType);

    private AttentionPromptKernel Prompt => _prompt ??= new(
        device, shape, cacheType, promptFamily ?? (device.Description.Kind == DeviceKind.Software ? KernelFamily.Cpu : KernelFamily.Tiled));

    /// <summary>Bytes of scratch for a segment of a prompt. Segments that may run side by side, without a barrier between them, each need their own.</summary>
    public static long PromptScratchBytes(AttentionShape shape, int rows) => AttentionPromptKernel.ScratchBytes(shape, rows);

    /// <summary>Bytes of scratch for decoding rows, which may not be a prompt's at the same time.</summary>
    public static long DecodingScratchBytes(AttentionShape shape, int rows) => AttentionDecodeKernel.ScratchBytes(shape, rows);

    /// <param name="commands">Where to record.</param>
    /// <param name="stepRows">[count] <see cref="StepRow"/>: position and sequence of each query.</param>
    /// <param name="qkv">[count, (heads + 2 * kvHeads) * headDim]: rotated queries first.</param>
    /// <param name="cache">Keys and values of all positions that the queries see, their own included.</param>
    /// <param name="y">[count, heads * headDim].</param>
    /// <param name="scratch"><see cref="PromptScratchBytes"/> or <see cref="DecodingScratchBytes"/> of device memory.</param>
    /// <param name="window">A query sees this many positions, itself included; null for all.</param>
    /// <param name="isPrompt">Whether rows are consecutive positions of one sequence; else they may be of any sequences at any positions.</param>
    /// <param name="count">Number of queries.</param>
    public void Record(
        CommandRecorder commands,
        ulong stepRows,
        in Activation qkv,
        in LayerCache cache,
        in Activation y,
        ulong scratch,
        int? window,
        bool isPrompt,
        int count)
    {
        if (qkv.Width != shape.QkvWidth || y.Width != shape.Heads * shape.HeadDimension)
            throw new ArgumentException($"Attention of {shape.Heads} heads of {shape.HeadDimension} does not take {qkv.Width} to {y.Width}.", nameof(qkv));
        if (isPrompt) Prompt.Record(commands, stepRows, qkv, cache, y, scratch, window, count);
        else Decode.Record(commands, stepRows, qkv, cache, y, scratch, window, count);
    }

    public void Dispose()
    {
        _prompt?.Dispose();
        _decode?.Dispose();
    }
}
