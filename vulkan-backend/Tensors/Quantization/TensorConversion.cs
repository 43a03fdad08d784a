namespace Gemma2.Backend.Tensors.Quantization;

/// <summary>What becomes of a tensor that is stored in another type.</summary>
internal static class TensorConversion
{
    /// <summary>The tensor as it is then.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="type">The type.</param>
    /// <param name="allowRequantize">Quantize again what is quantized already.</param>
    /// <exception cref="ModelException">It is quantized already, and is to have another quantized type.</exception>
    public static TensorEntry Of(TensorEntry tensor, TensorType type, bool allowRequantize = false)
    {
        if (type == tensor.Type) return tensor;
        if (tensor.Type.IsQuantized() && type.IsQuantized() && !allowRequantize)
        {
            throw new ModelException(
                $"{tensor.File}: {tensor.Name} is {tensor.Type} already and does not become {type}: only F32, F16 and BF16 are quantized, as twice loses more. `gemma2 quantize --allow-requantize` does it all the same.");
        }
        long columns = tensor.Shape[^1];
        return tensor with { Type = type, Length = tensor.Length / tensor.Type.RowBytes(columns) * type.RowBytes(columns) };
    }
}
