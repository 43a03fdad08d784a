using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;

namespace Gemma2.Backend.Model;

/// <summary>Every activation of a forward pass, taken once. Paddings of rows are zero from here on: kernels never write them.</summary>
internal sealed class Activations : IDisposable
{
    private readonly GpuDevice _device;
    private readonly List<GpuBuffer> _buffers = [];

    public Activations(GpuDevice device, Gemma2Config config, AttentionShape shape, int maxTokens)
    {
        _device = device;
        TokenIds = Allocate(maxTokens, MemoryKind.Upload);
        Logits = Allocate(config.VocabularySize, MemoryKind.Readback);
        RawLogits = new Activation(Allocate(RowLayout.Stride(config.VocabularySize), MemoryKind.Device).Address, config.VocabularySize);

        X = Rows(config.HiddenSize, maxTokens);
        H = Rows(config.HiddenSize, maxTokens);
        Qkv = Rows((shape.Heads + (2 * shape.KeyValueHeads)) * shape.HeadDimension, maxTokens);
        Attention = Rows(shape.Heads * shape.HeadDimension, maxTokens);
        Output = Rows(config.HiddenSize, maxTokens);
        GateUp = Rows(2 * config.IntermediateSize, maxTokens);
        U = Rows(config.IntermediateSize, maxTokens);
        ClearAll();
    }

    /// <summary>[tokens] uint32, written by the host.</summary>
    public GpuBuffer TokenIds { get; }

    /// <summary>The residual stream: [tokens, hidden].</summary>
    public Activation X { get; }

    /// <summary>The residual stream, normed: [tokens, hidden].</summary>
    public Activation H { get; }

    /// <summary>Queries, keys, values: [tokens, (heads + 2 * kvHeads) * headDim].</summary>
    public Activation Qkv { get; }

    /// <summary>Attention before its output matrix: [tokens, heads * headDim].</summary>
    public Activation Attention { get; }

    /// <summary>A block's output, before its norm: [tokens, hidden].</summary>
    public Activation Output { get; }

    /// <summary>Gate, then up: [tokens, 2 * intermediate].</summary>
    public Activation GateUp { get; }

    /// <summary>gelu(gate) * up: [tokens, intermediate].</summary>
    public Activation U { get; }

    /// <summary>Logits before the softcap: [1, vocabulary].</summary>
    public Activation RawLogits { get; }

    /// <summary>[vocabulary] float32, read by the host.</summary>
    public GpuBuffer Logits { get; }

    public void Dispose()
    {
        foreach (GpuBuffer buffer in _buffers) buffer.Dispose();
    }

    private Activation Rows(int width, int count) => new(Allocate((long)RowLayout.Stride(width) * count, MemoryKind.Device).Address, width);

    /// <summary>Takes memory for a number of float32 or uint32.</summary>
    private GpuBuffer Allocate(long count, MemoryKind kind)
    {
        GpuBuffer buffer = _device.Allocate(count * sizeof(float), kind, "activations");
        _buffers.Add(buffer);
        return buffer;
    }

    private void ClearAll()
    {
        using var uploader = new StagingUploader(_device);
        foreach (GpuBuffer buffer in _buffers) uploader.Fill(buffer, 0);
    }
}
