using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Model;

/// <summary>Puts all norms of a model into one buffer: what numbers are multiplied by, in float32. They are few, and are kept until all are there.</summary>
internal sealed class NormUploader
{
    private readonly GpuDevice _device;
    private readonly Dictionary<string, (float[] Values, long Offset)> _norms = [];

    /// <param name="device">Gives the memory.</param>
    /// <param name="tensors">The norms.</param>
    public NormUploader(GpuDevice device, IReadOnlyList<TensorEntry> tensors)
    {
        _device = device;
        long bytes = 0;
        foreach (TensorEntry tensor in tensors)
        {
            _norms.Add(tensor.Name, (new float[tensor.Shape[0]], bytes));
            bytes += RowLayout.Stride((int)tensor.Shape[0]) * sizeof(float);
        }
        Buffer = device.Allocate(bytes, MemoryKind.Device, "norms");
    }

    /// <summary>The buffer, which whoever made this owns.</summary>
    public GpuBuffer Buffer { get; }

    /// <summary>Where a norm will be.</summary>
    public ulong AddressOf(string name) => Buffer.Address + (ulong)_norms[name].Offset;

    /// <summary>Takes a piece of a norm; several threads may bring different ones.</summary>
    public void Write(TensorEntry tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        int size = tensor.Type.Size();
        Span<float> values = _norms[tensor.Name].Values.AsSpan((int)byteOffset / size, bytes.Length / size);
        BlockCodec.Dequantize(tensor.Type, bytes, values);
        if (!tensor.HoldsFactor) TensorPrimitives.Add(values, 1, values);
    }

    /// <summary>Returns when all norms are in device memory.</summary>
    public void Flush()
    {
        using var uploader = new StagingUploader(_device);
        foreach ((float[] values, long offset) in _norms.Values) uploader.Write(Buffer, offset, MemoryMarshal.AsBytes<float>(values));
    }
}
