using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Kernels.Matrix;

/// <summary>A way in which a model multiplies matrices.</summary>
/// <param name="Type">How their numbers are stored.</param>
/// <param name="Columns">Numbers in a row.</param>
/// <param name="IsGated">Whether it is u = gelu(x Wg^T) * (x Wu^T), else y = x W^T.</param>
/// <param name="TakesPrompts">Whether they multiply prompts too, and not only what is decoded.</param>
internal readonly record struct MatrixUse(TensorType Type, int Columns, bool IsGated, bool TakesPrompts)
{
    /// <summary>Matrices that are multiplied at once: 1, or 2 for gate and up.</summary>
    public int Matrices => IsGated ? 2 : 1;
}
