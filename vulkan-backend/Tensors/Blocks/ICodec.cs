namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>How a type keeps numbers.</summary>
internal interface ICodec
{
    /// <summary>Reads whole blocks.</summary>
    void Dequantize(ReadOnlySpan<byte> blocks, Span<float> values);

    /// <summary>Writes whole blocks. The numbers are finite and of a magnitude that the type has.</summary>
    void Quantize(ReadOnlySpan<float> values, Span<byte> blocks);
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
    public void Quantize(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        for (int block = 0; block < values.Length / elements; block++)
            TFormat.Quantize(values.Slice(block * elements, elements), blocks.Slice(block * bytes, bytes));
    }
}
