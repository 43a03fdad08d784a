using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>
/// Writes a model as one GGUF file while its tensors come: matrices as they come, norms as float32 factors. The file is written forward, by whoever brings what comes
/// next; pieces that come early are kept until then.
/// </summary>
/// <param name="file">Takes the file, from its begin.</param>
/// <param name="metadata">Keys and values.</param>
internal sealed class GgufFileSink(Stream file, IReadOnlyList<KeyValuePair<string, object>> metadata) : ITensorSink
{
    private readonly Dictionary<string, long> _offsets = [];
    private readonly Dictionary<long, Piece> _pieces = [];
    private long _position;
    private bool _isWriting;

    /// <inheritdoc/>
    public bool KeepsOrder => true;

    /// <summary>The tensors as the file has them.</summary>
    public IReadOnlyList<TensorEntry> Tensors { get; private set; } = [];

    /// <inheritdoc/>
    public void Begin(IReadOnlyList<TensorEntry> tensors)
    {
        Tensors = [.. tensors.Select(Stored)];
        GgufWriter.WriteHeader(file, metadata, Tensors);
        long offset = 0;
        foreach (TensorEntry tensor in Tensors)
        {
            _offsets.Add(tensor.Name, offset);
            offset += tensor.Length + GgufWriter.Padding(tensor.Length);
        }
    }

    /// <inheritdoc/>
    public void Write(TensorEntry tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        TensorEntry stored = Stored(tensor);
        long offset = byteOffset / tensor.Type.BlockBytes() * stored.Type.BlockBytes();
        int length = (int)(bytes.Length / tensor.Type.BlockBytes() * stored.Type.BlockBytes());
        int padding = offset + length == stored.Length ? GgufWriter.Padding(stored.Length) : 0;
        byte[] piece = ArrayPool<byte>.Shared.Rent(length + padding);
        if (IsNorm(tensor)) Factors(tensor, bytes, MemoryMarshal.Cast<byte, float>(piece.AsSpan(0, length)));
        else bytes.CopyTo(piece);
        piece.AsSpan(length, padding).Clear();
        Write(_offsets[tensor.Name] + offset, new Piece(piece, length + padding));
    }

    private void Write(long offset, Piece piece)
    {
        lock (_pieces)
        {
            _pieces.Add(offset, piece);
            if (_isWriting) return;
            _isWriting = true;
        }
        while (TakeNext() is { } next)
        {
            file.Write(next.Bytes, 0, next.Length);
            ArrayPool<byte>.Shared.Return(next.Bytes);
            _position += next.Length;
        }
    }

    private Piece? TakeNext()
    {
        lock (_pieces)
        {
            if (_pieces.Remove(_position, out Piece? next)) return next;
            _isWriting = false;
            return null;
        }
    }

    private static void Factors(TensorEntry tensor, ReadOnlySpan<byte> bytes, Span<float> factors)
    {
        BlockCodec.Dequantize(tensor.Type, bytes, factors);
        if (!tensor.HoldsFactor) TensorPrimitives.Add(factors, 1, factors);
    }

    private static TensorEntry Stored(TensorEntry tensor) =>
        IsNorm(tensor) ? tensor with { Type = TensorType.F32, Length = tensor.Shape[0] * sizeof(float), HoldsFactor = true } : tensor;

    private static bool IsNorm(TensorEntry tensor) => tensor.Shape.Count == 1;

    private sealed record Piece(byte[] Bytes, int Length);
}
