namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>How a quantized type keeps one block.</summary>
internal interface IBlockFormat
{
    /// <summary>Reads a block.</summary>
    /// <param name="block">A block, as in a weight file.</param>
    /// <param name="values">Takes its numbers.</param>
    static abstract void Dequantize(ReadOnlySpan<byte> block, Span<float> values);

    /// <summary>Writes a block.</summary>
    /// <param name="values">As many numbers as a block has, all finite and of a magnitude that binary16 has.</param>
    /// <param name="block">Takes the block; every byte is written.</param>
    static abstract void Quantize(ReadOnlySpan<float> values, Span<byte> block);
}
