using System.Buffers;

namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>How a type keeps numbers.</summary>
internal interface ICodec
{
    /// <summary>Reads whole blocks.</summary>
    void Dequantize(ReadOnlySpan<byte> blocks, Span<float> values);

    /// <summary>Writes whole blocks.</summary>
    /// <param name="values">The numbers: finite, and of a magnitude that the type has. With importance, a row.</param>
    /// <param name="importance">Mean squares of what each number is multiplied with; empty: nothing is known.</param>
    /// <param name="blocks">Takes the blocks.</param>
    void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks);
}

/// <summary>Blocks, one after the other.</summary>
/// <param name="elements">Numbers in a block.</param>
/// <param name="bytes">Bytes of a block.</param>
internal sealed class FormatCodec<TFormat>(int elements, int bytes) : ICodec
    where TFormat : IBlockFormat
{
    /// <inheritdoc/>
    public void Dequantize(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (int block = 0; block < values.Length / elements; block++)
            TFormat.Dequantize(blocks.Slice(block * bytes, bytes), values.Slice(block * elements, elements));
    }

    /// <inheritdoc/>
    public void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        if (importance.IsEmpty)
        {
            for (int block = 0; block < values.Length / elements; block++)
                TFormat.Quantize(values.Slice(block * elements, elements), [], blocks.Slice(block * bytes, bytes));
            return;
        }
        float[] rented = ArrayPool<float>.Shared.Rent(values.Length);
        try
        {
            Span<float> weights = rented.AsSpan(0, values.Length);
            TFormat.Weigh(values, importance, weights);
            for (int block = 0; block < values.Length / elements; block++)
                TFormat.Quantize(values.Slice(block * elements, elements), weights.Slice(block * elements, elements), blocks.Slice(block * bytes, bytes));
        }
        finally
        {
            ArrayPool<float>.Shared.Return(rented);
        }
    }
}
