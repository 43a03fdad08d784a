using System.Globalization;
using System.Numerics.Tensors;

namespace Gemma2.Backend.Tensors.Codecs;

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
        TensorFormat.Of(type).Codec.Dequantize(blocks, values);
    }

    /// <summary>
    /// Stores numbers. Quantized types get scales that leave little error, found as llama.cpp finds those of its K-quants, or better; see <see cref="Blocks.ScaleSearch"/>.
    /// The same numbers give the same bytes on every machine.
    /// </summary>
    /// <param name="type">How they are to be stored.</param>
    /// <param name="values">The numbers: whole blocks.</param>
    /// <param name="blocks">Takes the blocks; every byte is written.</param>
    /// <exception cref="ModelException">A number is not finite, or too large for the type.</exception>
    /// <exception cref="ArgumentException">The lengths do not belong together.</exception>
    public static void Quantize(TensorType type, ReadOnlySpan<float> values, Span<byte> blocks) => Quantize(type, values, [], blocks);

    /// <summary>Stores a row, the scales of which leave little error where it counts.</summary>
    /// <param name="type">How it is to be stored.</param>
    /// <param name="row">The numbers: whole blocks.</param>
    /// <param name="importance">Mean squares of what each number is multiplied with, as far as they matter beside each other; empty: nothing is known.</param>
    /// <param name="blocks">Takes the blocks; every byte is written.</param>
    /// <exception cref="ModelException">A number is not finite, or too large for the type.</exception>
    /// <exception cref="ArgumentException">The lengths do not belong together.</exception>
    public static void Quantize(TensorType type, ReadOnlySpan<float> row, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        CheckLengths(type, row.Length, blocks.Length);
        if (!importance.IsEmpty && importance.Length != row.Length) throw new ArgumentException($"{row.Length} numbers do not have {importance.Length} importances.");
        CheckRange(type, row);
        TensorFormat.Of(type).Codec.Quantize(row, importance, blocks);
    }

    private static void CheckRange(TensorType type, ReadOnlySpan<float> values)
    {
        if (values.IsEmpty) return;
        float largest = MathF.Abs(TensorPrimitives.MaxMagnitude(values));
        float limit = TensorFormat.Of(type).Largest;
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
