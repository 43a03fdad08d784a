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
    /// <param name="weights">How much each number's squared error counts in the search of scales; empty: as the format weighs by itself.</param>
    /// <param name="block">Takes the block; every byte is written.</param>
    static abstract void Quantize(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, Span<byte> block);

    /// <summary>Makes weights of what is known about the numbers that a row is multiplied with.</summary>
    /// <param name="row">The row.</param>
    /// <param name="importance">Mean squares of what each of its numbers is multiplied with.</param>
    /// <param name="weights">Takes as many weights.</param>
    static virtual void Weigh(ReadOnlySpan<float> row, ReadOnlySpan<float> importance, Span<float> weights) =>
        ImportanceWeights.ByMagnitude(row, importance, run: 256, share: 2, weights);
}
