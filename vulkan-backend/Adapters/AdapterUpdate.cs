namespace Gemma2.Backend.Adapters;

/// <summary>What an adapter adds to one tensor of a model.</summary>
/// <param name="Target">The tensor, as <see cref="Tensors.TensorNames"/> has it.</param>
/// <param name="Factor">Scales of the adapter and of whoever uses it.</param>
internal abstract record AdapterUpdate(string Target, double Factor);

/// <summary>Factor * left * right.</summary>
/// <param name="Target">The matrix, as <see cref="Tensors.TensorNames"/> has it.</param>
/// <param name="Left">[rows, rank]; B of LoRA.</param>
/// <param name="Right">[rank, columns]; A of LoRA.</param>
/// <param name="Factor">Scales of the adapter and of whoever uses it.</param>
internal sealed record LowRankUpdate(string Target, AdapterMatrix Left, AdapterMatrix Right, double Factor) : AdapterUpdate(Target, Factor)
{
    /// <summary>Columns of the one and rows of the other.</summary>
    public int Rank => (int)Right.Rows;
}

/// <summary>Factor * (the tensor as it was trained - the tensor): at a factor of 1 the one takes the place of the other.</summary>
/// <param name="Target">The tensor, as <see cref="Tensors.TensorNames"/> has it.</param>
/// <param name="Trained">As it was trained; a norm is one row.</param>
/// <param name="HoldsFactor">For a norm: see <see cref="Tensors.TensorEntry.HoldsFactor"/>.</param>
/// <param name="Factor">The scale of whoever uses the adapter.</param>
internal sealed record WholeUpdate(string Target, AdapterMatrix Trained, bool HoldsFactor, double Factor) : AdapterUpdate(Target, Factor);
