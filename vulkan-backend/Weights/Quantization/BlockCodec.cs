using System.Runtime.InteropServices;

namespace Gemma2.Backend.Weights.Quantization;

/// <summary>
/// Numbers of every <see cref="TensorType"/> as float32 on the CPU. Quantized values are what llama.cpp's own code makes of a block, bit for bit.
/// Source of all layouts: https://github.com/ggml-org/ggml, src/ggml-common.h.
/// </summary>
internal static class BlockCodec
{
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

    private static void DequantizeBlocks<TFormat>(TensorType type, ReadOnlySpan<byte> blocks, Span<float> values)
        where TFormat : IBlockFormat
    {
        int elements = type.BlockElements(), bytes = type.BlockBytes();
        for (int block = 0; block < values.Length / elements; block++)
            TFormat.Dequantize(blocks.Slice(block * bytes, bytes), values.Slice(block * elements, elements));
    }

    private static void CheckLengths(TensorType type, int values, int bytes)
    {
        if (values % type.BlockElements() != 0 || bytes != type.RowBytes(values))
            throw new ArgumentException($"{values} numbers of {type} do not take {bytes} bytes.");
    }
}
