namespace Gemma2.Backend.Tensors.Quantization;

/// <summary>What becomes of a tensor that is stored in another type.</summary>
internal static class TensorConversion
{
    /// <summary>The tensor as it is then.</summary>
    /// <exception cref="ModelException">It is quantized already, and is to have another quantized type.</exception>
    public static TensorEntry Of(TensorEntry tensor, TensorType type)
    {
        if (type == tensor.Type) return tensor;
        if (tensor.Type.IsQuantized() && type.IsQuantized())
        {
            throw new ModelException(
                $"{tensor.File}: {tensor.Name} is {tensor.Type} already and does not become {type}: only F32, F16 and BF16 are quantized, as twice loses more.");
        }
        long columns = tensor.Shape[^1];
        return tensor with { Type = type, Length = tensor.Length / tensor.Type.RowBytes(columns) * type.RowBytes(columns) };
    }
}
