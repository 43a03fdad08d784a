using System.Buffers;

namespace Gemma2.Backend.Adapters;

/// <summary>What adapters add to some rows of a matrix, as numbers of double precision: all of the left matrices' rows, and of the right ones the columns that are read.</summary>
internal sealed class RowFactors : IDisposable
{
    private readonly IReadOnlyList<LowRankUpdate> _updates;
    private readonly double[][] _left, _right;
    private readonly float[] _scratch;

    /// <param name="updates">What is added.</param>
    /// <param name="firstRow">The first of the rows.</param>
    /// <param name="rows">How many they are.</param>
    /// <param name="mostColumns">Most columns that are read at a time.</param>
    public RowFactors(IReadOnlyList<LowRankUpdate> updates, long firstRow, int rows, int mostColumns)
    {
        _updates = updates;
        _scratch = ArrayPool<float>.Shared.Rent(Math.Max(mostColumns, updates.Max(update => update.Rank)));
        _left = [.. updates.Select(update => ArrayPool<double>.Shared.Rent(rows * update.Rank))];
        _right = [.. updates.Select(update => ArrayPool<double>.Shared.Rent(mostColumns * update.Rank))];
        for (int i = 0; i < updates.Count; i++)
        {
            int rank = updates[i].Rank;
            for (int row = 0; row < rows; row++) updates[i].Left.Read(firstRow + row, 0, _left[i].AsSpan(row * rank, rank), _scratch);
        }
    }

    /// <summary>Reads some columns of the right matrices.</summary>
    public void ReadColumns(int column, int count)
    {
        for (int i = 0; i < _updates.Count; i++)
            for (int rank = 0; rank < _updates[i].Rank; rank++)
                _updates[i].Right.Read(rank, column, _right[i].AsSpan(rank * count, count), _scratch);
    }

    /// <summary>Adds all to the columns of a row that were read.</summary>
    public void AddTo(int row, Span<double> sums)
    {
        for (int i = 0; i < _updates.Count; i++)
        {
            int rank = _updates[i].Rank;
            LowRankProduct.Add(sums, _left[i].AsSpan(row * rank, rank), _right[i].AsSpan(0, rank * sums.Length), _updates[i].Factor);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ArrayPool<float>.Shared.Return(_scratch);
        foreach (double[] numbers in _left.Concat(_right)) ArrayPool<double>.Shared.Return(numbers);
    }
}
