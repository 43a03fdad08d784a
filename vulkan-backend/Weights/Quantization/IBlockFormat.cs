namespace Gemma2.Backend.Weights.Quantization;

/// <summary>How a quantized type keeps one block.</summary>
internal interface IBlockFormat
{
    /// <summary>Reads a block.</summary>
    /// <param name="block">The block's <see cref="TensorTypeExtensions.BlockBytes"/>.</param>
    /// <param name="values">Takes its <see cref="TensorTypeExtensions.BlockElements"/>.</param>
    static abstract void Dequantize(ReadOnlySpan<byte> block, Span<float> values);
}
