using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Adapters;

/// <summary>What a tensor of an adapter does.</summary>
internal enum AdapterSide
{
    /// <summary>[rank, columns]: A of LoRA.</summary>
    Right,

    /// <summary>[rows, rank]: B of LoRA.</summary>
    Left,

    /// <summary>All of the model's tensor as it was trained.</summary>
    Whole,
}

/// <summary>What a tensor in an adapter's file is.</summary>
/// <param name="Tensor">The tensor.</param>
/// <param name="Target">The model's tensor that it belongs to, as <see cref="TensorNames"/> has it.</param>
/// <param name="Side">What it does.</param>
/// <param name="IsTransposed">Whether the file has its columns as rows.</param>
internal sealed record AdapterPart(TensorEntry Tensor, string Target, AdapterSide Side, bool IsTransposed = false)
{
    /// <summary>Its dimensions, as they are in the product.</summary>
    public IReadOnlyList<long> Shape => InFile(Tensor.Shape);

    /// <summary>Dimensions in the product as they are in the file, and the other way round.</summary>
    public IReadOnlyList<long> InFile(IReadOnlyList<long> shape) => IsTransposed ? [.. shape.Reverse()] : shape;
}
