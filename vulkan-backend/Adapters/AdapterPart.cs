using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Adapters;

/// <summary>What a tensor in an adapter's file is.</summary>
/// <param name="Tensor">The tensor.</param>
/// <param name="Target">The matrix that it belongs to, as <see cref="TensorNames"/> has it.</param>
/// <param name="IsRight">True for A, false for B.</param>
internal sealed record AdapterPart(TensorEntry Tensor, string Target, bool IsRight);
