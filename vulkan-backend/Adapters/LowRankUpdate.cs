namespace Gemma2.Backend.Adapters;

/// <summary>What an adapter adds to one matrix: factor * left * right.</summary>
/// <param name="Target">The matrix, as <see cref="Tensors.TensorNames"/> has it.</param>
/// <param name="Left">[rows, rank]; B of LoRA.</param>
/// <param name="Right">[rank, columns]; A of LoRA.</param>
/// <param name="Factor">Scales of the adapter and of whoever uses it.</param>
internal sealed record LowRankUpdate(string Target, AdapterMatrix Left, AdapterMatrix Right, double Factor)
{
    /// <summary>Columns of the one and rows of the other.</summary>
    public int Rank => (int)Right.Rows;
}
