using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>Writes a model as one GGUF file while its tensors come: matrices as they come, norms as float32 factors. Holds no more than one piece.</summary>
/// <param name="file">Takes the file, from its begin.</param>
/// <param name="metadata">Keys and values.</param>
internal sealed class GgufFileSink(Stream file, IReadOnlyList<KeyValuePair<string, object>> metadata) : ITensorSink
{
    /// <inheritdoc/>
    public void Begin(IReadOnlyList<TensorEntry> tensors) => GgufWriter.WriteHeader(file, metadata, [.. tensors.Select(Stored)]);

    /// <inheritdoc/>
    public void Write(TensorEntry tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        if (IsNorm(tensor)) WriteFactors(tensor, bytes);
        else file.Write(bytes);
        if (byteOffset + bytes.Length == tensor.Length) file.Write(new byte[GgufWriter.Padding(Stored(tensor).Length)]);
    }

    private void WriteFactors(TensorEntry tensor, ReadOnlySpan<byte> bytes)
    {
        float[] factors = new float[bytes.Length / tensor.Type.Size()];
        BlockCodec.Dequantize(tensor.Type, bytes, factors);
        if (!tensor.HoldsFactor) TensorPrimitives.Add(factors, 1, factors);
        file.Write(MemoryMarshal.AsBytes(factors.AsSpan()));
    }

    private static TensorEntry Stored(TensorEntry tensor) =>
        IsNorm(tensor) ? tensor with { Type = TensorType.F32, Length = tensor.Shape[0] * sizeof(float), HoldsFactor = true } : tensor;

    private static bool IsNorm(TensorEntry tensor) => tensor.Shape.Count == 1;
}
