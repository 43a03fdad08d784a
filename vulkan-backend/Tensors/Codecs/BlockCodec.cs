using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Gemma2.Backend.Tensors.Codecs;

/// <summary>
/// Numbers of every <see cref="TensorType"/> as float32 on the CPU. Quantized values are what llama.cpp's own code makes of a block, bit for bit.
/// Source of all layouts: https://github.com/ggml-org/ggml, src/ggml-common.h.
/// </summary>
internal static class BlockCodec
{
    private const float LargestBF16 = 3.38953139e38f;

    /// <summary>Reads stored numbers.</summary>
    /// <param name="type">How they are stored.</param>
    /// <param name="blocks">Whole blocks, as in a weight file.</param>
    /// <param name="values">Takes the numbers: as many as the blocks hold.</param>
    /// <exception cref="ArgumentException">The lengths do not belong together.</exception>
    public static void Dequantize(TensorType type, ReadOnlySpan<byte> blocks, Span<float> values)
    {
        CheckLengths(type, values.Length, blocks.Length);
        switch (type)
        {
            case TensorType.F32: MemoryMarshal.Cast<byte, float>(blocks).CopyTo(values); break;
            case TensorType.F16: HalfFloats.ReadF16(blocks, values); break;
            case TensorType.BF16: HalfFloats.ReadBF16(blocks, values); break;
            case TensorType.Q8_0: DequantizeBlocks<Q8_0>(type, blocks, values); break;
            case TensorType.Q4_0: DequantizeBlocks<Q4_0>(type, blocks, values); break;
            case TensorType.Q4_1: DequantizeBlocks<Q4_1>(type, blocks, values); break;
            case TensorType.Q5_0: DequantizeBlocks<Q5_0>(type, blocks, values); break;
            case TensorType.Q5_1: DequantizeBlocks<Q5_1>(type, blocks, values); break;
            case TensorType.Q2_K: DequantizeBlocks<Q2_K>(type, blocks, values); break;
            case TensorType.Q3_K: DequantizeBlocks<Q3_K>(type, blocks, values); break;
            case TensorType.Q4_K: DequantizeBlocks<Q4_K>(type, blocks, values); break;
            case TensorType.Q5_K: DequantizeBlocks<Q5_K>(type, blocks, values); break;
            case TensorType.Q6_K: DequantizeBlocks<Q6_K>(type, blocks, values); break;
            case TensorType.IQ4_NL: DequantizeBlocks<IQ4_NL>(type, blocks, values); break;
            case TensorType.IQ4_XS: DequantizeBlocks<IQ4_XS>(type, blocks, values); break;
            default: throw new ArgumentOutOfRangeException(nameof(type), type, null);
        }
    }

    /// <summary>
    /// Stores numbers. Quantized types get scales that leave little error, found as llama.cpp finds those of its K-quants, or better; see <see cref="ScaleSearch"/>.
    /// The same numbers give the same bytes on every machine.
    /// </summary>
    /// <param name="type">How they are to be stored.</param>
    /// <param name="values">The numbers: whole blocks.</param>
    /// <param name="blocks">Takes the blocks; every byte is written.</param>
    /// <exception cref="ModelException">A number is not finite, or too large for the type.</exception>
    /// <exception cref="ArgumentException">The lengths do not belong together.</exception>
    public static void Quantize(TensorType type, ReadOnlySpan<float> values, Span<byte> blocks)
    {
        CheckLengths(type, values.Length, blocks.Length);
        CheckRange(type, values);
        switch (type)
        {
            case TensorType.F32: MemoryMarshal.AsBytes(values).CopyTo(blocks); break;
            case TensorType.F16: HalfFloats.WriteF16(values, blocks); break;
            case TensorType.BF16: HalfFloats.WriteBF16(values, blocks); break;
            case TensorType.Q8_0: QuantizeBlocks<Q8_0>(type, values, blocks); break;
            case TensorType.Q4_0: QuantizeBlocks<Q4_0>(type, values, blocks); break;
            case TensorType.Q4_1: QuantizeBlocks<Q4_1>(type, values, blocks); break;
            case TensorType.Q5_0: QuantizeBlocks<Q5_0>(type, values, blocks); break;
            case TensorType.Q5_1: QuantizeBlocks<Q5_1>(type, values, blocks); break;
            case TensorType.Q2_K: QuantizeBlocks<Q2_K>(type, values, blocks); break;
            case TensorType.Q3_K: QuantizeBlocks<Q3_K>(type, values, blocks); break;
            case TensorType.Q4_K: QuantizeBlocks<Q4_K>(type, values, blocks); break;
            case TensorType.Q5_K: QuantizeBlocks<Q5_K>(type, values, blocks); break;
            case TensorType.Q6_K: QuantizeBlocks<Q6_K>(type, values, blocks); break;
            case TensorType.IQ4_NL: QuantizeBlocks<IQ4_NL>(type, values, blocks); break;
            case TensorType.IQ4_XS: QuantizeBlocks<IQ4_XS>(type, values, blocks); break;
            default: throw new ArgumentOutOfRangeException(nameof(type), type, null);
        }
    }

    private static void DequantizeBlocks<TFormat>(TensorType type, ReadOnlySpan<byte> blocks, Span<float> values)
        where TFormat : IBlockFormat
    {
        int elements = type.BlockElements(), bytes = type.BlockBytes();
        for (int block = 0; block < values.Length / elements; block++)
            TFormat.Dequantize(blocks.Slice(block * bytes, bytes), values.Slice(block * elements, elements));
    }

    private static void QuantizeBlocks<TFormat>(TensorType type, ReadOnlySpan<float> values, Span<byte> blocks)
        where TFormat : IBlockFormat
    {
        int elements = type.BlockElements(), bytes = type.BlockBytes();
        for (int block = 0; block < values.Length / elements; block++)
            TFormat.Quantize(values.Slice(block * elements, elements), blocks.Slice(block * bytes, bytes));
    }

    /// <summary>Scales are binary16, so that quantized types end where it ends, or not far above.</summary>
    private static void CheckRange(TensorType type, ReadOnlySpan<float> values)
    {
        if (values.IsEmpty) return;
        float largest = MathF.Abs(TensorPrimitives.MaxMagnitude(values));
        float limit = type switch { TensorType.F32 => float.MaxValue, TensorType.BF16 => LargestBF16, _ => (float)Half.MaxValue };
        if (!float.IsFinite(largest)) throw new ModelException("holds a number that is not finite.");
        if (largest > limit)
            throw new ModelException(string.Create(CultureInfo.InvariantCulture, $"holds a number of magnitude {largest:G3}; {type} is for numbers up to {limit:G5}."));
    }

    private static void CheckLengths(TensorType type, int values, int bytes)
    {
        if (values % type.BlockElements() != 0 || bytes != type.RowBytes(values))
            throw new ArgumentException($"{values} numbers of {type} do not take {bytes} bytes.");
    }
}
