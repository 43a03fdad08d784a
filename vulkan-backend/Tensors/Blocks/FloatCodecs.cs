using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>IEEE 754 binary32.</summary>
internal sealed class F32Codec : ICodec
{
    /// <inheritdoc/>
    public void Dequantize(ReadOnlySpan<byte> blocks, Span<float> values) => MemoryMarshal.Cast<byte, float>(blocks).CopyTo(values);

    /// <inheritdoc/>
    public void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks) => MemoryMarshal.AsBytes(values).CopyTo(blocks);
}

/// <summary>IEEE 754 binary16. Narrowing rounds to the nearest, of two equally near to the even one.</summary>
internal sealed class F16Codec : ICodec
{
    /// <inheritdoc/>
    public void Dequantize(ReadOnlySpan<byte> blocks, Span<float> values) => TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(blocks), values);

    /// <inheritdoc/>
    public void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks) => TensorPrimitives.ConvertToHalf(values, MemoryMarshal.Cast<byte, Half>(blocks));
}

/// <summary>bfloat16, the upper half of a binary32. Narrowing rounds as <see cref="F16Codec"/> does.</summary>
internal sealed class BF16Codec : ICodec
{
    /// <summary>The largest number.</summary>
    public const float Largest = 3.38953139e38f;

    /// <inheritdoc/>
    public void Dequantize(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        ReadOnlySpan<ushort> halves = MemoryMarshal.Cast<byte, ushort>(blocks);
        int whole = values.Length / Vector256<ushort>.Count * Vector256<ushort>.Count;
        for (int i = 0; i < whole; i += Vector256<ushort>.Count)
        {
            (Vector256<uint> lower, Vector256<uint> upper) = Vector256.Widen(Vector256.Create<ushort>(halves[i..]));
            (lower << 16).AsSingle().CopyTo(values[i..]);
            (upper << 16).AsSingle().CopyTo(values[(i + Vector256<uint>.Count)..]);
        }
        for (int i = whole; i < values.Length; i++) values[i] = BitConverter.UInt32BitsToSingle((uint)halves[i] << 16);
    }

    /// <inheritdoc/>
    public void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        Span<ushort> halves = MemoryMarshal.Cast<byte, ushort>(blocks);
        for (int i = 0; i < values.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(values[i]);
            halves[i] = (ushort)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
        }
    }
}
