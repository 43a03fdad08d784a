using System.Buffers;

namespace Gemma2.Backend.Adapters;

/// <summary>What adapters add to some rows of a tensor, as numbers of double precision: all of the left matrices' rows, and of the right ones the columns that are read.</summary>
internal sealed class RowChanges : IDisposable
{
    private readonly IReadOnlyList<AdapterUpdate> _updates;
    private readonly long _firstRow;
    private readonly bool _holdsFactor;
    private readonly double[][] _left, _right;
    private readonly float[] _scratch;
    private int _column;

    /// <param name="updates">What is added.</param>
    /// <param name="firstRow">The first of the rows.</param>
    /// <param name="rows">How many they are.</param>
    /// <param name="mostColumns">Most columns that are read at a time.</param>
    /// <param name="holdsFactor">For a norm: see <see cref="Tensors.TensorEntry.HoldsFactor"/>.</param>
    public RowChanges(IReadOnlyList<AdapterUpdate> updates, long firstRow, int rows, int mostColumns, bool holdsFactor)
    {
        (_updates, _firstRow, _holdsFactor) = (updates, firstRow, holdsFactor);
        _scratch = ArrayPool<float>.Shared.Rent(Math.Max(mostColumns, updates.Max(RankOf)));
        _left = [.. updates.Select(update => ArrayPool<double>.Shared.Rent(rows * RankOf(update)))];
        _right = [.. updates.Select(update => ArrayPool<double>.Shared.Rent(mostColumns * Math.Max(1, RankOf(update))))];
        for (int i = 0; i < updates.Count; i++)
        {
            if (updates[i] is not LowRankUpdate { Rank: var rank, Left: var left }) continue;
            for (int row = 0; row < rows; row++) left.Read(firstRow + row, 0, _left[i].AsSpan(row * rank, rank), _scratch);
        }
    }

    /// <summary>Reads some columns of the right matrices.</summary>
    public void ReadColumns(int column, int count)
    {
        _column = column;
        for (int i = 0; i < _updates.Count; i++)
        {
            if (_updates[i] is not LowRankUpdate { Rank: var ranks, Right: var right }) continue;
            for (int rank = 0; rank < ranks; rank++) right.Read(rank, column, _right[i].AsSpan(rank * count, count), _scratch);
        }
    }

    /// <summary>Adds all to the columns of a row that were read.</summary>
    /// <param name="row">The row, counted from the first.</param>
    /// <param name="weights">The row as it is in the model.</param>
    /// <param name="sums">Gets what is added.</param>
    public void AddTo(int row, ReadOnlySpan<float> weights, Span<double> sums)
    {
        for (int i = 0; i < _updates.Count; i++)
        {
            switch (_updates[i])
            {
                case LowRankUpdate { Rank: var rank, Factor: var factor }:
                    LowRankProduct.Add(sums, _left[i].AsSpan(row * rank, rank), _right[i].AsSpan(0, rank * sums.Length), factor);
                    break;
                case WholeUpdate whole:
                    Span<double> trained = _right[i].AsSpan(0, sums.Length);
                    whole.Trained.Read(_firstRow + row, _column, trained, _scratch);
                    int shift = (_holdsFactor ? 1 : 0) - (whole.HoldsFactor ? 1 : 0);
                    for (int column = 0; column < sums.Length; column++) sums[column] += whole.Factor * (trained[column] + shift - weights[column]);
                    break;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ArrayPool<float>.Shared.Return(_scratch);
        foreach (double[] numbers in _left.Concat(_right)) ArrayPool<double>.Shared.Return(numbers);
    }

    private static int RankOf(AdapterUpdate update) => update is LowRankUpdate { Rank: var rank } ? rank : 0;
}
