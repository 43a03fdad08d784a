using Gemma2.Backend.Config;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Attention;

namespace Gemma2.Backend.Model;

/// <summary>Every activation of a forward pass, taken once. Paddings of rows are zero from here on: kernels never write them.</summary>
internal sealed class Activations : IDisposable
{
    private readonly GpuDevice _device;
    private readonly List<GpuBuffer> _buffers = [];
    private readonly GpuBuffer _h;
    private readonly GpuBuffer _gathered;

    /// <param name="device">Where they live.</param>
    /// <param name="config">The model.</param>
    /// <param name="shape">Its attention.</param>
    /// <param name="gatesApart">Whether gate and up matrices of some layers are multiplied apart.</param>
    /// <param name="scratchBytes">Memory that kernels use for themselves within a dispatch or two.</param>
    public Activations(GpuDevice device, Gemma2Config config, AttentionShape shape, bool gatesApart, long scratchBytes)
    {
        _device = device;
        X = Rows(config.HiddenSize, StepLimits.Rows);
        H = Rows(config.HiddenSize, StepLimits.Rows);
        _h = _buffers[^1];
        Gathered = Rows(config.HiddenSize, StepLimits.Results);
        _gathered = _buffers[^1];
        Qkv = Rows((shape.Heads + (2 * shape.KeyValueHeads)) * shape.HeadDimension, StepLimits.Rows);
        Attention = Rows(shape.Heads * shape.HeadDimension, StepLimits.Rows);
        Output = Rows(config.HiddenSize, StepLimits.Rows);
        U = Rows(config.IntermediateSize, StepLimits.Rows);
        Gate = gatesApart ? Rows(config.IntermediateSize, StepLimits.Rows) : default;
        Scratch = Allocate(scratchBytes).Address;
        ClearAll();
    }

    /// <summary>The residual stream: [rows, hidden].</summary>
    public Activation X { get; }

    /// <summary>The residual stream, normed: [rows, hidden].</summary>
    public Activation H { get; }

    /// <summary>Those rows of <see cref="H"/> whose logits are wanted, where they do not lie together: [results, hidden].</summary>
    public Activation Gathered { get; }

    /// <summary>Queries, keys, values: [rows, (heads + 2 * kvHeads) * headDim].</summary>
    public Activation Qkv { get; }

    /// <summary>Attention before its output matrix: [rows, heads * headDim].</summary>
    public Activation Attention { get; }

    /// <summary>A block's output, before its norm: [rows, hidden].</summary>
    public Activation Output { get; }

    /// <summary>gelu(gate) * up: [rows, intermediate].</summary>
    public Activation U { get; }

    /// <summary>x Wg^T where it is computed by itself: [rows, intermediate].</summary>
    public Activation Gate { get; }

    /// <summary>What kernels need for themselves.</summary>
    public ulong Scratch { get; }

    /// <summary>Records that a row of <see cref="H"/> becomes one of <see cref="Gathered"/>.</summary>
    public void Gather(CommandRecorder commands, int row, int into)
    {
        long bytes = (long)H.Stride * sizeof(float);
        commands.Copy(_h, row * bytes, _gathered, into * bytes, bytes);
    }

    public void Dispose()
    {
        foreach (GpuBuffer buffer in _buffers) buffer.Dispose();
    }

    private Activation Rows(int width, int count) => new(Allocate((long)RowLayout.Stride(width) * count * sizeof(float)).Address, width);

    private GpuBuffer Allocate(long bytes)
    {
        GpuBuffer buffer = _device.Allocate(bytes, MemoryKind.Device, "activations");
        _buffers.Add(buffer);
        return buffer;
    }

    private void ClearAll()
    {
        using var uploader = new StagingUploader(_device);
        foreach (GpuBuffer buffer in _buffers) uploader.Fill(buffer, 0);
    }
}
