using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Weights;

namespace Gemma2.Backend.Model;

/// <summary>
/// Fills device memory with a model's tensors while they are read: matrices as they are stored (with rows padded to <see cref="RowLayout"/>),
/// those that are used together below one another, norms widened to float32.
/// </summary>
internal sealed class WeightUploader(GpuDevice device, Gemma2Config config) : ITensorSink, IDisposable
{
    private readonly StagingUploader _uploader = new(device);
    private readonly List<GpuBuffer> _buffers = [];
    private readonly Dictionary<string, MatrixPart> _matrices = [];
    private readonly Dictionary<string, byte[]> _norms = [];
    private Dictionary<string, TensorEntry> _tensors = [];

    /// <inheritdoc/>
    public void Begin(IReadOnlyList<TensorEntry> tensors)
    {
        _tensors = tensors.ToDictionary(t => t.Name);
        Place(TensorNames.Embedding);
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            Place(TensorNames.Query(layer), TensorNames.Key(layer), TensorNames.Value(layer));
            Place(TensorNames.AttentionOutput(layer));
            Place(TensorNames.Gate(layer), TensorNames.Up(layer));
            Place(TensorNames.Down(layer));
        }
        foreach (TensorEntry norm in tensors.Where(t => t.Shape.Count == 1)) _norms.Add(norm.Name, new byte[norm.Length]);
    }

    /// <inheritdoc/>
    public void Write(TensorEntry tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        if (_norms.TryGetValue(tensor.Name, out byte[]? norm))
            bytes.CopyTo(norm.AsSpan((int)byteOffset));
        else
            Write(_matrices[tensor.Name], byteOffset, bytes);
    }

    /// <summary>Call when all tensors have been written: the weights, which the caller then owns.</summary>
    public ModelWeights Finish()
    {
        var weights = new ModelWeights(
            Matrix(TensorNames.Embedding),
            [.. Enumerable.Range(0, config.LayerCount).Select(Layer)],
            Norm(TensorNames.FinalNorm),
            [.. _buffers]);
        _buffers.Clear();
        return weights;
    }

    /// <summary>Frees what was not handed over by <see cref="Finish"/>.</summary>
    public void Dispose()
    {
        foreach (GpuBuffer buffer in _buffers) buffer.Dispose();
        _uploader.Dispose();
    }

    private LayerWeights Layer(int layer) => new(
        Norm(TensorNames.InputNorm(layer)),
        Matrix(TensorNames.Query(layer), TensorNames.Key(layer), TensorNames.Value(layer)),
        Matrix(TensorNames.AttentionOutput(layer)),
        Norm(TensorNames.PostAttentionNorm(layer)),
        Norm(TensorNames.PreFeedForwardNorm(layer)),
        Matrix(TensorNames.Gate(layer), TensorNames.Up(layer)),
        Matrix(TensorNames.Down(layer)),
        Norm(TensorNames.PostFeedForwardNorm(layer)));

    /// <summary>Takes memory for matrices of one width and type, below one another.</summary>
    private void Place(params ReadOnlySpan<string> names)
    {
        long rows = 0;
        foreach (string name in names)
        {
            rows += _tensors[name].Shape[0];
            if (_tensors[name].Type.IsQuantized()) throw new ModelException($"{name} is {_tensors[name].Type}, which this version does not compute with.");
            if (_tensors[name].Type != _tensors[names[0]].Type)
                throw new ModelException($"{name} is {_tensors[name].Type}, but {names[0]} is {_tensors[names[0]].Type}; they must be of one type.");
        }

        long width = _tensors[names[0]].Shape[1];
        long rowBytes = (long)RowLayout.Stride((int)width) * _tensors[names[0]].Type.Size();
        GpuBuffer buffer = device.Allocate(rows * rowBytes, MemoryKind.Device, names[0]);
        _buffers.Add(buffer);
        if (RowLayout.Stride((int)width) != width) _uploader.Fill(buffer, 0);

        long row = 0;
        foreach (string name in names)
        {
            _matrices.Add(name, new MatrixPart(buffer, row * rowBytes, width * _tensors[name].Type.Size(), rowBytes));
            row += _tensors[name].Shape[0];
        }
    }

    private void Write(in MatrixPart part, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        if (part.WidthBytes == part.RowBytes)
        {
            _uploader.Write(part.Buffer, part.Offset + byteOffset, bytes);
            return;
        }
        while (!bytes.IsEmpty)
        {
            (long row, long column) = Math.DivRem(byteOffset, part.WidthBytes);
            int count = (int)Math.Min(part.WidthBytes - column, bytes.Length);
            _uploader.Write(part.Buffer, part.Offset + (row * part.RowBytes) + column, bytes[..count]);
            bytes = bytes[count..];
            byteOffset += count;
        }
    }

    private DeviceMatrix Matrix(params ReadOnlySpan<string> names)
    {
        int rows = 0;
        foreach (string name in names) rows += (int)_tensors[name].Shape[0];
        TensorEntry first = _tensors[names[0]];
        return new DeviceMatrix(_matrices[names[0]].Buffer.Address, first.Type, rows, (int)first.Shape[1]);
    }

    private ulong Norm(string name)
    {
        byte[] widened = Widen(_norms[name], _tensors[name].Type);
        Span<float> values = MemoryMarshal.Cast<byte, float>(widened.AsSpan());
        if (_tensors[name].HoldsFactor) TensorPrimitives.Subtract(values, 1f, values);
        GpuBuffer buffer = device.Allocate(widened.Length, MemoryKind.Device, name);
        _buffers.Add(buffer);
        _uploader.Write(buffer, 0, widened);
        return buffer.Address;
    }

    private static byte[] Widen(byte[] stored, TensorType type)
    {
        if (type == TensorType.F32) return stored;
        var widened = new byte[stored.Length * 2];
        for (int i = 0; i < stored.Length; i += 2)
        {
            ushort bits = BinaryPrimitives.ReadUInt16LittleEndian(stored.AsSpan(i));
            float value = type == TensorType.F16 ? (float)BitConverter.UInt16BitsToHalf(bits) : BitConverter.UInt32BitsToSingle((uint)bits << 16);
            BinaryPrimitives.WriteSingleLittleEndian(widened.AsSpan(i * 2), value);
        }
        return widened;
    }

    /// <summary>Where a tensor's rows lie in a buffer that may hold several tensors.</summary>
    private readonly record struct MatrixPart(GpuBuffer Buffer, long Offset, long WidthBytes, long RowBytes);
}
