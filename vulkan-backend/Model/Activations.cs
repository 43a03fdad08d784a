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

    /// <param name="device">Where they live.</param>
    /// <param name="config">The model.</param>
    /// <param name="shape">Its attention.</param>
    /// <param name="maxRows">Most rows of a pass.</param>
    /// <param name="scratchBytes">Memory that kernels use for themselves within a dispatch or two.</param>
    public Activations(GpuDevice device, Gemma2Config config, AttentionShape shape, int maxRows, long scratchBytes)
    {
        _device = device;
        X = Rows(config.HiddenSize, maxRows);
        H = Rows(config.HiddenSize, maxRows);
        Qkv = Rows((shape.Heads + (2 * shape.KeyValueHeads)) * shape.HeadDimension, maxRows);
        Attention = Rows(shape.Heads * shape.HeadDimension, maxRows);
        Output = Rows(config.HiddenSize, maxRows);
        U = Rows(config.IntermediateSize, maxRows);
        Scratch = Allocate(scratchBytes).Address;
        ClearAll();
    }

    /// <summary>The residual stream: [rows, hidden].</summary>
    public Activation X { get; }

    /// <summary>The residual stream, normed: [rows, hidden].</summary>
    public Activation H { get; }

    /// <summary>Queries, keys, values: [rows, (heads + 2 * kvHeads) * headDim].</summary>
    public Activation Qkv { get; }

    /// <summary>Attention before its output matrix: [rows, heads * headDim].</summary>
    public Activation Attention { get; }

    /// <summary>A block's output, before its norm: [rows, hidden].</summary>
    public Activation Output { get; }

    /// <summary>gelu(gate) * up: [rows, intermediate].</summary>
    public Activation U { get; }

    /// <summary>What kernels need for themselves.</summary>
    public ulong Scratch { get; }

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
